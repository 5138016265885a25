package proxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sluice/backend"
	"sluice/metrics"
)

// thinking is a backend that has a request with a body of so many bytes and says nothing: it tells when it has it, and when its
// connection ends, and answers when it is told to.
func thinking(t *testing.T, body int64) (o *origin, has, ended, answer chan struct{}) {
	has, ended, answer = make(chan struct{}), make(chan struct{}), make(chan struct{})
	o = newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		_, _ = io.CopyN(io.Discard, r, body)
		close(has)
		go func() {
			_, _ = io.Copy(io.Discard, r)
			close(ended)
		}()
		select {
		case <-answer:
			_, _ = io.WriteString(c, okAnswer)
		case <-ended:
		}
	})
	return o, has, ended, answer
}

func TestAClientThatResetsWhileTheBackendThinksIsNoticedAndTheBackendBlameless(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"a whole request":         "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"and another behind it":   "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"a body that is streamed": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000),
		"a wish to upgrade":       upgradeRequest,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start, body, _ := strings.Cut(request, "\r\n\r\n")
			if strings.HasPrefix(start, "GET") {
				body = ""
			}
			o, has, ended, _ := thinking(t, int64(len(body)))
			b := newBench(t, benchOptions{timeouts: backend.Timeouts{FirstByte: time.Minute}}, o.url)
			c, _ := b.dial()
			_, _ = io.WriteString(c, request)
			<-has
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Fatal("the backend's connection is still open after 10s")
			}
			m := b.settled()
			if m.Errors != 0 || m.UpstreamErrors != [metrics.NumUpstreamErrors]uint64{} {
				t.Errorf("%d errors, %v; want none of the backend's", m.Errors, m.UpstreamErrors)
			}
			if n := b.server.Process.ClientErrors(); n[metrics.ClientAborted] != 1 {
				t.Errorf("client errors %v, want one aborted", n)
			}
		})
	}
}

func TestAClientThatEndsItsSideIsAnsweredHoweverLongTheBackendThinks(t *testing.T) {
	t.Parallel()
	o, _, _, answer := thinking(t, 0)
	b := newBench(t, benchOptions{timeouts: backend.Timeouts{FirstByte: time.Minute}}, o.url)
	c, r := b.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	_ = c.(*net.TCPConn).CloseWrite()
	time.Sleep(2*lookAfter + 500*time.Millisecond) // two looks
	close(answer)
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want 200", got)
	}
}

// The look after the client must neither shorten the time that a backend has nor lengthen it.
func TestABackendHasItsTimeAlthoughTheClientIsLookedAfter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script func(net.Conn, *bufio.Reader)
		want   string
	}{
		"an answer after two looks": {func(c net.Conn, r *bufio.Reader) {
			head(r)
			time.Sleep(2500 * time.Millisecond)
			_, _ = io.WriteString(c, okAnswer)
		}, "HTTP/1.1 200 "},
		"a head in pieces": {func(c net.Conn, r *bufio.Reader) {
			head(r)
			for i, piece := range []string{"HTTP/1.1 200 OK\r\nX: ", "a", "\r\nContent-Length: 2\r\n\r\nok"} {
				time.Sleep(time.Duration(min(i, 1)) * 1300 * time.Millisecond)
				_, _ = io.WriteString(c, piece)
			}
		}, "HTTP/1.1 200 "},
		"a body after a look": {func(c net.Conn, r *bufio.Reader) {
			head(r)
			time.Sleep(1300 * time.Millisecond)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
			time.Sleep(1300 * time.Millisecond)
			_, _ = io.WriteString(c, "ok")
		}, "HTTP/1.1 200 "},
		"none": {func(_ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }, "HTTP/1.1 504 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, benchOptions{timeouts: backend.Timeouts{FirstByte: 4 * time.Second}}, newOrigin(t, c.script).url)
			from := time.Now()
			got := b.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			if !strings.HasPrefix(got, c.want) || !strings.HasSuffix(got, "ok") && c.want == "HTTP/1.1 200 " {
				t.Errorf("got %q after %v, want %q", got, time.Since(from), c.want)
			}
		})
	}
}
