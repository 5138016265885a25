package proxy

import (
	"net"
	"testing"
	"time"

	"sluice/backend"
	"sluice/metrics"
)

// closedURL is an endpoint that refuses connections.
func closedURL(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return "http://" + l.Addr().String()
}

const getOnce = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

func TestAnEndpointThatIsDownNeverSkewsTheSplit(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	stable, canary, dead := newOrigin(t, always(ok)), newOrigin(t, always(ok)), closedURL(t)
	b := newBench(t, benchOptions{canary: 3000, backend: func(name string, c *backend.Config) {
		if name == "canary" {
			c.Endpoints = append(c.Endpoints, dead)
			c.Outlier = &backend.Outlier{ConsecutiveErrors: 5, EjectFor: time.Hour, MaxEjected: 5000}
		}
	}}, stable.url, canary.url)
	const n = 1500
	for range n {
		b.talk(getOnce)
	}
	all := func(t metrics.Totals) uint64 { return t.Counts[metrics.Drawn].Requests }
	got := b.totals(1, func(c metrics.Totals) bool { return all(c)+all(b.route.Meters[0].Totals()) == n })
	// 3 % is 2.5 standard deviations of 450 in 1500 on either side, and then some.
	if share := float64(all(got)) / n; share < 0.24 || share > 0.36 {
		t.Errorf("the canary got %.3f of the requests, want 0.3", share)
	}
	if got.Errors == 0 || got.Errors > 20 {
		t.Errorf("%d requests failed on the dead endpoint, want those before it was left out and no more", got.Errors)
	}
	if !b.route.Backends[1].Endpoints()[1].Ejected() {
		t.Error("the dead endpoint was not left out")
	}
}
