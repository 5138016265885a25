package proxy

import (
	"bufio"
	"context"
	"errors"
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

func TestAnAnswerThatFallsSilentIsCutThoughTheRequestEndedAfterItBegan(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
		_, _ = io.Copy(io.Discard, r)
	})
	b := newBench(t, benchOptions{timeouts: backend.Timeouts{Idle: 300 * time.Millisecond}}, o.url)
	c, r := b.dial()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Fatalf("got %q", got)
	}
	_, _ = io.WriteString(c, "def")
	_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
	_, err := io.ReadAll(r)
	if ne := net.Error(nil); err == nil || errors.As(err, &ne) && ne.Timeout() {
		t.Errorf("the end: %v, want a reset within idle time and sweep", err)
	}
}

func TestABackendsPauseIsNotTheClientsIdleness(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
		time.Sleep(900 * time.Millisecond)
		_, _ = io.WriteString(c, "b")
	})
	b := newBench(t, limitsWith(func(l *Limits) { l.IdleTimeout = 300 * time.Millisecond }), o.url)
	if got := b.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasSuffix(got, "\r\n\r\nab") {
		t.Errorf("got %q, want the whole answer", got)
	}
	if n := b.server.Process.ClientErrors()[metrics.ClientAborted]; n != 0 {
		t.Errorf("%d clients aborted, want none", n)
	}
}

func TestAClientThatTakesNoAnswerIsCutAfterItsIdleTime(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 15_000)
	for name, script := range map[string]func(net.Conn, *bufio.Reader){
		"pipelined short answers": always(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(long), long)),
		"one long answer":         always(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(long)<<11, strings.Repeat(long, 1<<11))),
		"a flood of hints": func(c net.Conn, r *bufio.Reader) {
			head(r)
			for {
				if _, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: "+long+"\r\n\r\n"); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, limitsWith(func(l *Limits) { l.IdleTimeout = 300 * time.Millisecond }), newOrigin(t, script).url)
			c, _ := b.dial()
			_ = c.(*net.TCPConn).SetReadBuffer(4096)
			go func() {
				for range 2000 {
					if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
						return
					}
				}
			}()
			eventually(t, "the connection was taken", func() bool { return b.route.Meters[0].Totals().Selections != [metrics.NumReasons]uint64{} })
			eventually(t, "the client is cut", func() bool { return b.connections() == 0 })
			if m := b.settled(); m.Errors != 0 {
				t.Errorf("the backend has %d errors, want none", m.Errors)
			}
		})
	}
}

func TestAnAnswerThatASlowClientDidNotTakeInTimeIsNoWholeOne(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", 64<<20)
	b := newBench(t, limitsWith(func(l *Limits) { l.IdleTimeout = 300 * time.Millisecond }), newOrigin(t, always("HTTP/1.1 200 OK\r\n\r\n"+body)).url)
	c, r := b.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.0\r\nHost: a\r\n\r\n")
	head(r)
	eventually(t, "the client is cut", func() bool { return b.connections() == 0 })
	// For HTTP/1.0 the end of the connection is the end of the body.
	if n, err := io.Copy(io.Discard, r); err == nil {
		t.Errorf("got %d of %d bytes and a proper end, want a reset", n, len(body))
	}
}

func TestAClientThatUploadsAndTakesNoAnswerIsCutToo(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		_, _ = io.Copy(c, r)
	})
	opt := limitsWith(func(l *Limits) { l.IdleTimeout = 300 * time.Millisecond })
	opt.timeouts.Idle = 300 * time.Millisecond
	b := newBench(t, opt, o.url)
	c, _ := b.dial()
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	go func() {
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
		piece := strings.Repeat("x", 1<<16)
		for {
			if _, err := io.WriteString(c, piece); err != nil {
				return
			}
		}
	}()
	eventually(t, "the connection was taken", func() bool { return b.route.Meters[0].Totals().Selections != [metrics.NumReasons]uint64{} })
	eventually(t, "the client is cut", func() bool { return b.connections() == 0 })
}

func TestAClientThatWaitsForThe100IsNotSlow(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		time.Sleep(900 * time.Millisecond)
		_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		_, _ = r.Discard(3)
		_, _ = io.WriteString(c, okAnswer)
	})
	b := newBench(t, limitsWith(func(l *Limits) { l.HeaderTimeout = 300 * time.Millisecond }), o.url)
	c, r := b.dial()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 100") {
		t.Fatalf("got %q, want 100", got)
	}
	_, _ = io.WriteString(c, "abc")
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("got %q, want 200", got)
	}
}

func TestARequestThatComesWithTheDismissalIsCarriedWhole(t *testing.T) {
	t.Parallel()
	dismissing, goOn := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	o := newOrigin(t, echo)
	b := newBench(t, benchOptions{}, o.url)
	b.hook(hooked{readDeadline: func(at time.Time) {
		if !at.IsZero() && first.CompareAndSwap(false, true) {
			close(dismissing)
			<-goOn
		}
	}})
	c, r := b.dial()
	eventually(t, "the connection rests", func() bool {
		n := 0
		b.server.each(func(c *client) {
			if c.rest.Load() == resting {
				n++
			}
		})
		return n == 1
	})
	ended := make(chan error, 1)
	go func() { ended <- b.server.Shutdown(context.Background()) }()
	<-dismissing
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
	// Either order is right: the dismissal comes first and the connection ends without a word, or the request is carried whole.
	for range 100 {
		if b.route.Backends[0].InFlight() == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	close(goOn)
	time.Sleep(20 * time.Millisecond)
	_, _ = io.WriteString(c, "def")
	got := head(r)
	if got != "" && !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("got %q, want 200 or nothing", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestARequestOnAConnectionThatWasCutIsNotSentToABackend(t *testing.T) {
	t.Parallel()
	var seen atomic.Int32
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		for head(r) != "" {
			seen.Add(1)
			_, _ = io.WriteString(c, okAnswer)
		}
	})
	b := newBench(t, benchOptions{}, o.url)
	// The sweeper comes between the read and the next look at the expiry.
	b.hook(hooked{afterRead: func() { b.server.each(func(c *client) { c.sock.Cut() }) }})
	c, r := b.dial()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\n\r\n")
	_, _ = io.ReadAll(r)
	b.settled()
	if n := seen.Load(); n != 0 {
		t.Errorf("the backend got %d requests that nobody can be answered, want none", n)
	}
}

func TestABodyEarnsItsTimeByItsRate(t *testing.T) {
	t.Parallel()
	const window = 10 * time.Second
	x := &exchange{front: &Front{Limits: Limits{BodyRate: 1000, HeaderTimeout: window}}, client: &client{}}
	r := requestBody{x: x}
	x.client.in.buf = make([]byte, 100_000)
	for _, c := range []struct {
		allowance, waited time.Duration
		arrived           int
		want              time.Duration
	}{
		{window, 0, 0, window},
		{window, 4 * time.Second, 1000, 7 * time.Second},
		{window, time.Second, 90_000, window}, // nobody saves up for a long silence
		{time.Second, 3 * time.Second, 500, time.Millisecond},
		{time.Second, time.Second, 500, 500 * time.Millisecond},
	} {
		x.client.in.lo, x.client.in.hi = 0, c.arrived
		if got := r.earn(c.allowance, c.waited); got != c.want {
			t.Errorf("earn(%v, %v) with %d bytes = %v, want %v", c.allowance, c.waited, c.arrived, got, c.want)
		}
	}
}
