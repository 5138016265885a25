package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// pressure is what a side has got rid of, of a body that is far larger than what the sockets' buffers take.
const pressure = 64 << 20

// pour writes the body as fast as it is taken, and counts.
func pour(c net.Conn, poured *atomic.Int64) {
	piece := make([]byte, 1<<16)
	for range pressure / len(piece) {
		if _, err := c.Write(piece); err != nil {
			return
		}
		poured.Add(int64(len(piece)))
	}
}

// stalls waits until nothing more is taken, and says how much was.
func stalls(t *testing.T, poured *atomic.Int64) int64 {
	t.Helper()
	var last int64
	eventually(t, "the side that pours is held back", func() bool {
		last = poured.Load()
		time.Sleep(300 * time.Millisecond)
		return last > 0 && poured.Load() == last
	})
	return last
}

func TestAClientThatDoesNotReadHoldsTheBackendBack(t *testing.T) {
	t.Parallel()
	var poured atomic.Int64
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", pressure)
		pour(c, &poured)
	})
	b := newBench(t, benchOptions{}, o.url)
	c, r := b.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if n := stalls(t, &poured); n > pressure/2 {
		t.Errorf("%d MiB were taken from the backend while the client read nothing", n>>20)
	}
	head(r)
	if n, err := io.Copy(io.Discard, r); n != pressure || err != nil {
		t.Errorf("then it read %d bytes, %v; want all %d", n, err, pressure)
	}
}

func TestABackendThatDoesNotReadHoldsTheClientBack(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		<-goOn
		if _, err := io.CopyN(io.Discard, r, pressure); err == nil {
			_, _ = io.WriteString(c, okAnswer)
		}
	})
	b := newBench(t, benchOptions{}, o.url)
	c, r := b.dial()
	var poured atomic.Int64
	_, _ = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", pressure)
	go pour(c, &poured)
	if n := stalls(t, &poured); n > pressure/2 {
		t.Errorf("%d MiB were taken from the client while the backend read nothing", n>>20)
	}
	close(goOn)
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want 200", got)
	}
}
