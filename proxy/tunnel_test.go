package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sluice/metrics"
)

const upgradeRequest = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"

// echoing is a backend that switches to a protocol in which it says everything again.
func echoing(c net.Conn, r *bufio.Reader) {
	if head(r) != "" {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		_, _ = io.Copy(c, r)
	}
}

// tunnel opens one and says something through it.
func (b *bench) tunnel() (net.Conn, *bufio.Reader) {
	b.t.Helper()
	c, r := b.dial()
	_, _ = io.WriteString(c, upgradeRequest+"ping")
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 101 ") {
		b.t.Fatalf("got %q, want 101", got)
	}
	p := make([]byte, 4)
	if _, err := io.ReadFull(r, p); err != nil || string(p) != "ping" {
		b.t.Fatalf("got %q, %v; want ping", p, err)
	}
	return c, r
}

func TestATunnelIsJudgedByItsHandshakeAndInFlightUntilItEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchOptions{timeout: 50 * time.Millisecond}, newOrigin(t, echoing).url)
	c, _ := b.tunnel()
	m := b.totals(0, func(m metrics.Totals) bool { return len(m.Answers) > 0 })
	if len(m.Answers) != 1 || m.Answers[0].Code != 101 || m.Requests != 1 || m.Errors != 0 {
		t.Errorf("answers %v, %d requests, %d errors; want one 101 and one good attempt while the tunnel is open", m.Answers, m.Requests, m.Errors)
	}
	if backend := b.route.Backends[0]; backend.InFlight() != 1 || backend.Streams() != 1 {
		t.Errorf("%d in flight, %d streams; want 1, 1", backend.InFlight(), backend.Streams())
	}
	_ = c.Close()
	b.settled()
	if n := b.route.Backends[0].Streams(); n != 0 {
		t.Errorf("%d streams after the end, want none", n)
	}
	if n := b.server.Process.ClientErrors(); n != [metrics.NumClientErrors]uint64{} {
		t.Errorf("client errors %v, want none", n)
	}
}

func TestStreamsThatAreCutAreResetAndBlameNobody(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]struct {
		script  func(net.Conn, *bufio.Reader)
		request string
	}{
		"a tunnel": {echoing, upgradeRequest + "x"},
		"an event stream": {func(c net.Conn, r *bufio.Reader) {
			head(r)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\nx")
			_, _ = io.Copy(io.Discard, r)
		}, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, benchOptions{}, newOrigin(t, open.script).url)
			c, r := b.dial()
			_, _ = io.WriteString(c, open.request)
			head(r)
			if _, err := r.ReadBytes('x'); err != nil {
				t.Fatal(err)
			}
			if n := b.route.Backends[0].CutStreams(); n != 1 {
				t.Errorf("CutStreams = %d, want 1", n)
			}
			if rest, err := io.ReadAll(r); err == nil {
				t.Errorf("after the cut: %q and a proper end, want a reset", rest)
			}
			m := b.settled()
			if m.Errors != 0 || m.UpstreamErrors != [metrics.NumUpstreamErrors]uint64{} || b.route.Backends[0].Streams() != 0 {
				t.Errorf("%d errors %v, %d streams; want none", m.Errors, m.UpstreamErrors, b.route.Backends[0].Streams())
			}
		})
	}
}

func TestATunnelThatWaitsForItsClientIsCutToo(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		for piece := make([]byte, 1<<16); ; { // until nobody takes more
			if _, err := c.Write(piece); err != nil {
				break
			}
		}
		close(stuck)
		_, _ = io.Copy(io.Discard, r)
	})
	b := newBench(t, benchOptions{}, o.url)
	c, r := b.dial()
	_, _ = io.WriteString(c, upgradeRequest)
	head(r)
	<-stuck
	b.route.Backends[0].CutStreams()
	b.settled()
	if n := b.server.Process.ClientErrors(); n != [metrics.NumClientErrors]uint64{} {
		t.Errorf("client errors %v, want none", n)
	}
}

func TestAnOrdinaryRequestIsNoStream(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		close(begun)
		<-release
		_, _ = io.WriteString(c, okAnswer)
	})
	b := newBench(t, benchOptions{}, o.url)
	c, r := b.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-begun
	if n := b.route.Backends[0].CutStreams(); n != 0 {
		t.Errorf("CutStreams = %d, want 0", n)
	}
	close(release)
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("got %q, want the answer", got)
	}
}

func TestAnEventStreamThatEndedIsCutNoMore(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, always("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 1\r\n\r\nx"))
	b := newBench(t, benchOptions{}, o.url)
	c, r := b.dial()
	for range 2 {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		head(r)
		_, _ = r.Discard(1)
		b.settled()
		if n := b.route.Backends[0].CutStreams(); n != 0 {
			t.Errorf("CutStreams = %d for a connection that is idle, want 0", n)
		}
	}
	if n := o.accepted.Load(); n != 1 {
		t.Errorf("%d connections to the backend, want 1", n)
	}
}

func TestATunnelOutlivesTheDrainUntilItIsForced(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchOptions{}, newOrigin(t, echoing).url)
	c, r := b.tunnel()
	ctx, force := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- b.server.Shutdown(ctx) }()
	eventually(t, "the server drains", b.server.draining.Load)
	for range 3 {
		_, _ = io.WriteString(c, "ping")
		if _, err := r.Discard(4); err != nil {
			t.Fatalf("while draining: %v", err)
		}
	}
	force()
	if _, err := r.ReadByte(); err == nil {
		t.Error("a byte after the forced end")
	}
	if err := <-done; err != context.Canceled {
		t.Errorf("Shutdown = %v, want %v", err, context.Canceled)
	}
}

func TestASlowSideOfATunnelHoldsTheOtherBack(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	const size = 64 << 20
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		<-release
		n, _ := io.Copy(io.Discard, r)
		if n == size {
			_, _ = io.WriteString(c, "all")
		}
	})
	b := newBench(t, benchOptions{}, o.url)
	c, r := b.dial()
	_, _ = io.WriteString(c, upgradeRequest)
	head(r)
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	piece := make([]byte, 1<<16)
	sent := 0
	for sent < size {
		n, err := c.Write(piece)
		sent += n
		if err != nil {
			break // nobody takes more: that is the point
		}
	}
	if sent == size {
		t.Fatalf("all %d bytes were taken while the backend read none", size)
	}
	close(release)
	_ = c.SetWriteDeadline(time.Time{})
	for sent < size {
		n, err := c.Write(piece[:min(len(piece), size-sent)])
		if err != nil {
			t.Fatal(err)
		}
		sent += n
	}
	_ = c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(r); string(got) != "all" || err != nil {
		t.Errorf("got %q, %v; want all", got, err)
	}
}

func TestAnUpgradeIsNamedByOneProtocolOfTheAskedOnes(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]bool{
		"websocket": true, "WebSocket, foo/1": true, "": false, ",": false, "a b": false, "h2c": false, "H2": false, "x, h2c-14": false,
		"HTTP/2.0": false, "TLS/1.0": false, "http": false, "a/b/c": false, "a/": true,
	} {
		if got := switchable([]byte(asked)); got != want {
			t.Errorf("switchable(%q) = %v, want %v", asked, got, want)
		}
	}
}
