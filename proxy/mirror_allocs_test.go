//go:build !race

package proxy

import (
	"bufio"
	"net"
	"runtime"
	"testing"

	"sluice/metrics"
	"sluice/router"
	"sluice/selector"
)

// steady is a backend that allocates nothing.
func steady(c net.Conn, _ *bufio.Reader) {
	buf := make([]byte, 4096)
	answer := []byte(fine)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

func TestARequestAllocatesNothingWithoutAMirrorAndNextToNothingWithOne(t *testing.T) { // not parallel: it counts the process's allocations
	for name, c := range map[string]struct {
		mirror *router.Mirror
		most   float64
	}{"off": {nil, 0.05}, "none of the requests": {&router.Mirror{To: selector.ToCanary}, 0.05}, "all of them": {mirroring(metrics.MethodGet), 3}} {
		b := newBench(t, benchOptions{routed: func(r *router.Route) { r.Mirror = c.mirror }}, newOrigin(t, steady).url, newOrigin(t, steady).url)
		conn, _ := b.dial()
		request, buf := []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), make([]byte, 4096)
		ask := func(n int) {
			for range n {
				_, _ = conn.Write(request)
				if _, err := conn.Read(buf); err != nil {
					t.Fatal(err)
				}
			}
		}
		ask(200)
		best := 1e9
		for range 5 { // other goroutines of the process allocate now and then
			const requests = 1000
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ask(requests)
			runtime.ReadMemStats(&after)
			best = min(best, float64(after.Mallocs-before.Mallocs)/requests)
		}
		if best > c.most {
			t.Errorf("%s: %v allocations a request, want at most %v", name, best, c.most)
		}
	}
}
