package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/backend"
	"sluice/metrics"
)

func TestABackendThatFailsDuringAnUploadIsBlamedAndNotTheClient(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer, want string
		kind         metrics.UpstreamError
	}{
		"closes":            {"", "HTTP/1.1 502 ", metrics.UpstreamReset},
		"talks nonsense":    {"nonsense\r\n\r\n", "HTTP/1.1 502 ", metrics.UpstreamMalformed},
		"breaks off":        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "HTTP/1.1 200 ", metrics.UpstreamTruncated},
		"sends a bad chunk": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 502 ", metrics.UpstreamMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, func(c2 net.Conn, r *bufio.Reader) {
				head(r)
				_, _ = r.Discard(3)
				_, _ = io.WriteString(c2, c.answer)
			})
			b := newBench(t, benchOptions{}, o.url)
			got := b.talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			m := b.settled()
			if m.Errors != 1 || m.UpstreamErrors[c.kind] != 1 {
				t.Errorf("errors %d, of kind %v: %d; want 1 each", m.Errors, c.kind, m.UpstreamErrors[c.kind])
			}
			if n := b.server.Process.ClientErrors(); n != [metrics.NumClientErrors]uint64{} {
				t.Errorf("client errors %v, want none", n)
			}
		})
	}
}

func TestASlowReaderCausesNoErrorOfTheBackend(t *testing.T) {
	t.Parallel()
	const size = 32 << 20 // more than the sockets' buffers take
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
	for name, o := range map[string]benchOptions{
		"beyond the backend's idle time": {timeouts: backend.Timeouts{Idle: 300 * time.Millisecond}},
		"beyond the first byte's time":   {timeouts: backend.Timeouts{FirstByte: time.Second}},
		"beyond the route's timeout":     {timeout: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, o, newOrigin(t, always(answer)).url)
			c, r := b.dial()
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			head(r)
			time.Sleep(1500 * time.Millisecond)
			n, err := io.Copy(io.Discard, r)
			if o.timeout == 0 && (n != size || err != nil) {
				t.Errorf("got %d bytes, %v; want %d", n, err, size)
			}
			if m := b.settled(); m.Errors != 0 {
				t.Errorf("the backend has %d errors, want none", m.Errors)
			}
		})
	}
}

func TestASlowUploadBeyondTheRoutesTimeoutCausesNoErrorOfTheBackend(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchOptions{timeout: 300 * time.Millisecond}, newOrigin(t, echo).url)
	got := b.talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
	if !strings.HasPrefix(got, "HTTP/1.1 4") {
		t.Errorf("got %q, want a client's error", got)
	}
	if m := b.settled(); m.Errors != 0 {
		t.Errorf("the backend has %d errors, want none", m.Errors)
	}
}

func TestABackendThatStopsReadingAnUploadIsBlamed(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	o := newOrigin(t, func(_ net.Conn, r *bufio.Reader) { head(r); <-release })
	defer close(release)
	b := newBench(t, benchOptions{timeouts: backend.Timeouts{Idle: 300 * time.Millisecond}}, o.url)
	c, r := b.dial()
	go func() {
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
		piece := strings.Repeat("x", 1<<16)
		for {
			if _, err := io.WriteString(c, piece); err != nil {
				return
			}
		}
	}()
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 504 ") {
		t.Errorf("got %q, want 504", got)
	}
	if m := b.settled(); m.Errors != 1 {
		t.Errorf("errors %d, want 1", m.Errors)
	}
}

func TestAClientGoneBeforeTheLastChunkCausesNoErrorOfTheBackend(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nabc")
		<-gone
	})
	b := newBench(t, benchOptions{}, o.url)
	c, r := b.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	head(r)
	_, _ = r.Discard(len("3\r\nabc\r\n"))
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
	close(gone)
	if m := b.settled(); m.Errors != 0 || m.UpstreamErrors[metrics.UpstreamTruncated] != 0 {
		t.Errorf("errors %d, truncated %d; want none", m.Errors, m.UpstreamErrors[metrics.UpstreamTruncated])
	}
	eventually(t, "the client's abort is counted", func() bool { return b.server.Process.ClientErrors()[metrics.ClientAborted] == 1 })
}

func TestAReusedConnectionThatBrokeAfterAnInterimAnswerIsNotStale(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "POST"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			var seen atomic.Int32
			o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
				for head(r) != "" {
					if seen.Add(1) > 1 {
						_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
						return
					}
					_, _ = io.WriteString(c, okAnswer)
				}
			})
			b := newBench(t, benchOptions{}, o.url)
			c, r := b.dial()
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			head(r)
			_, _ = r.Discard(2)
			_, _ = io.WriteString(c, method+" / HTTP/1.1\r\nHost: a\r\n\r\n")
			if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 103") {
				t.Fatalf("got %q", got)
			}
			if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 502") {
				t.Errorf("got %q, want 502", got)
			}
			if m := b.settled(); m.Errors != 1 || m.Retries[metrics.RetryStale] != 0 || seen.Load() != 2 {
				t.Errorf("errors %d, retries %d, requests seen %d; want 1, 0, 2", m.Errors, m.Retries[metrics.RetryStale], seen.Load())
			}
		})
	}
}

func TestARequestIsNotInFlightWhileItsConnectionLingers(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
		_, _ = io.Copy(io.Discard, r)
	})
	b := newBench(t, benchOptions{}, o.url)
	c, r := b.dial()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 413") {
		t.Fatalf("got %q", got)
	}
	b.settled()
	time.Sleep(50 * time.Millisecond) // whoever counts out at the end closes at once
	if b.connections() != 1 {
		t.Error("in flight until the connection was closed, want until the answer was through")
	}
}

func TestAPanicAnswers502AndEndsWhatItBegan(t *testing.T) {
	t.Parallel()
	var armed atomic.Bool
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		armed.Store(true)
		_, _ = io.WriteString(c, okAnswer)
		_, _ = io.Copy(io.Discard, r)
	})
	b := newBench(t, benchOptions{}, o.url)
	var panics atomic.Int32
	b.server.Panicked = func(any, []byte) { panics.Add(1) }
	b.hook(hooked{beforeWrite: func() {
		if armed.CompareAndSwap(true, false) {
			panic("bug: a test's")
		}
	}})
	c, _ := b.dial()
	// The pump is reading the client when the other goroutine panics: its buffer must not go back to the pool under it.
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc")
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range 1000 {
			if _, err := io.WriteString(c, strings.Repeat("x", 100)); err != nil {
				return
			}
		}
	}()
	eventually(t, "the panic is told", func() bool { return panics.Load() == 1 })
	<-sent
	eventually(t, "the connection ends", func() bool { return b.connections() == 0 })
	if m := b.settled(); m.Errors != 0 {
		t.Errorf("the backend has %d errors, want none: the bug is ours", m.Errors)
	}
}

func TestAPanicInTheBodysGoroutineIsNotTheBackendsError(t *testing.T) {
	t.Parallel()
	var armed atomic.Bool
	b := newBench(t, benchOptions{}, newOrigin(t, echo).url)
	var panics atomic.Int32
	b.server.Panicked = func(any, []byte) { panics.Add(1) }
	b.hook(hooked{afterRead: func() {
		if armed.CompareAndSwap(true, false) {
			panic("bug: a test's")
		}
	}})
	c, r := b.dial()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
	eventually(t, "the request is at the backend", func() bool { return b.route.Backends[0].InFlight() == 1 })
	time.Sleep(20 * time.Millisecond) // the pump reads now; nothing tells
	armed.Store(true)
	_, _ = io.WriteString(c, "d")
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 502") {
		t.Errorf("got %q, want 502", got)
	}
	if m := b.settled(); m.Errors != 0 || panics.Load() != 1 || b.server.Process.Panics() != 1 {
		t.Errorf("errors %d, panics told %d and counted %d; want 0, 1, 1", m.Errors, panics.Load(), b.server.Process.Panics())
	}
}

func TestAForcedShutdownReturnsAndBlamesNobody(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"a silent backend": "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"half a body":      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na",
		"half a head":      "GET / HTTP/1.1\r\nHo",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, func(_ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
			b := newBench(t, benchOptions{}, o.url)
			c, _ := b.dial()
			_, _ = io.WriteString(c, request)
			if strings.HasSuffix(request, "\r\n\r\n") {
				eventually(t, "the backend has it", func() bool { return b.route.Backends[0].InFlight() == 1 })
			}
			eventually(t, "the connection is there", func() bool { return b.connections() == 1 })
			over, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- b.server.Shutdown(over) }()
			select {
			case <-done:
			case <-time.After(5 * time.Second):
				t.Fatal("Shutdown has not returned after 5s")
			}
			if m := b.settled(); m.Errors != 0 {
				t.Errorf("the backend has %d errors, want none: we cut it", m.Errors)
			}
		})
	}
}

func TestAStaleConnectionIsRetriedWithTheWholeBodyOrNotAtAll(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]string{"PUT": "HTTP/1.1 200", "POST": "HTTP/1.1 502", "PATCH": "HTTP/1.1 502", "DELETE": "HTTP/1.1 200"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			var seen atomic.Int32
			o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
				h, body := head(r), make([]byte, 3)
				if _, err := io.ReadFull(r, body); h == "" || err != nil || string(body) != "abc" {
					return
				}
				seen.Add(1)
				_, _ = io.WriteString(c, okAnswer)
				if head(r) != "" { // the second on this connection is seen, and dies with it
					_, _ = r.Discard(3)
					seen.Add(1)
				}
			})
			b := newBench(t, benchOptions{}, o.url)
			c, r := b.dial()
			for i := range 2 {
				_, _ = io.WriteString(c, method+" / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
				got := head(r)
				if i == 1 && !strings.HasPrefix(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
				_, _ = r.Discard(2)
			}
			if m := b.settled(); m.Errors != 0 {
				t.Errorf("errors %d, want none", m.Errors)
			}
			if n := seen.Load(); want == "HTTP/1.1 502" && n != 2 {
				t.Errorf("the backend saw %d requests, want 2", n)
			}
		})
	}
}
