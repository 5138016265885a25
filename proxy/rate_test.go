package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sluice/metrics"
)

// upload sends n pieces, one every 20 ms, each of them as a chunk, and the end.
func upload(c net.Conn, n int, piece string) {
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range n {
		<-tick.C
		if _, err := fmt.Fprintf(c, "%x\r\n%s\r\n", len(piece), piece); err != nil {
			return
		}
	}
	_, _ = io.WriteString(c, "0\r\n\r\n")
}

func TestABodyBelowItsLeastRateIsRefusedThoughItNeverPausesForLong(t *testing.T) {
	t.Parallel()
	b := newBench(t, limitsWith(func(l *Limits) { l.HeaderTimeout, l.BodyRate = 400*time.Millisecond, 5000 }), newOrigin(t, echo).url)
	c, r := b.dial()
	go upload(c, 1000, "x") // 6 bytes every 20 ms are at most 300 a second
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 408 ") {
		t.Errorf("got %q, want 408", got)
	}
	if m := b.settled(); m.Errors != 0 || b.server.Process.ClientErrors()[metrics.ClientBodyTimeout] != 1 {
		t.Errorf("%d errors of the backend, clients' %v; want none, and one body-timeout", m.Errors, b.server.Process.ClientErrors())
	}
}

func TestABodyAboveItsLeastRateMayTakeLongerThanTheWindow(t *testing.T) {
	t.Parallel()
	b := newBench(t, limitsWith(func(l *Limits) { l.HeaderTimeout, l.BodyRate = 2*time.Second, 500 }), newOrigin(t, echo).url)
	c, r := b.dial()
	go upload(c, 130, strings.Repeat("x", 1000)) // 2.6 s; a machine that is busy may take twenty times as long
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want 200", got)
	}
}

func TestWhileTheBackendTakesNothingTheClientIsNotSlow(t *testing.T) {
	t.Parallel()
	const size = 32 << 20 // more than the sockets' buffers take
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		time.Sleep(3500 * time.Millisecond) // three windows and a sweep
		if _, err := io.CopyN(io.Discard, r, size); err == nil {
			_, _ = io.WriteString(c, okAnswer)
		}
	})
	b := newBench(t, limitsWith(func(l *Limits) { l.HeaderTimeout, l.BodyRate = time.Second, 5000 }), o.url)
	c, r := b.dial()
	go func() {
		_, _ = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size)
		piece := make([]byte, 1<<16)
		for range size / len(piece) {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
	}()
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want 200", got)
	}
	if n := b.server.Process.ClientErrors(); n != [metrics.NumClientErrors]uint64{} {
		t.Errorf("client errors %v, want none", n)
	}
}
