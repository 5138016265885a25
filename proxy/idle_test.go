package proxy

import (
	"bufio"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
)

// What a connection keeps while nothing happens on it is what decides how many there can be. Both sides of it are in this process, with
// their buffers: so the test's own ends read without one.
func TestAnIdleClientAndAnIdleTunnelHoldNoBuffer(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector keeps blocks alive that nobody holds")
	}
	const number = 200
	long := strings.Repeat("x", 8*payloadSize)
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		if !strings.Contains(head(r), "Upgrade: ") {
			_, _ = io.WriteString(c, okAnswer)
			_, _ = c.Read(make([]byte, 1))
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		if _, err := io.CopyN(io.Discard, r, int64(len(long))); err == nil {
			_, _ = io.WriteString(c, long)
			_, _ = c.Read(make([]byte, 1))
		}
	})
	for name, open := range map[string]func(*bench) net.Conn{
		"an idle client": func(b *bench) net.Conn {
			c, r := b.dial()
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			head(r)
			_, _ = r.Discard(len("ok"))
			return c
		},
		"an idle tunnel": func(b *bench) net.Conn {
			c, r := b.dial()
			_, _ = io.WriteString(c, upgradeRequest+long)
			head(r)
			if _, err := io.CopyN(io.Discard, r, int64(len(long))); err != nil {
				b.t.Fatal(err)
			}
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, benchOptions{}, o.url)
			var all []net.Conn
			for range 20 { // what is made once, and pooled
				all = append(all, open(b))
			}
			before := heap()
			for range number {
				all = append(all, open(b))
			}
			// An origin's end and the client's keep 4 KiB of bufio.Reader each; the rest is ours.
			const most = 2*4096 + payloadSize/2
			eventually(t, "less than half a buffer is kept for each", func() bool { return (heap()-before)/number < most })
			t.Logf("%d bytes for each", (heap()-before)/number)
			runtime.KeepAlive(all)
		})
	}
}

// heap is what is alive: pools are empty after the second collection.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
