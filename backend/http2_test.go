package backend

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/metrics"
)

func TestAnEndpointOfHTTP2ThatIsGoneStillCarriesWhoChoseItBefore(t *testing.T) {
	t.Parallel()
	var open atomic.Int64
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	b := newBackend(t, Config{Endpoints: []string{"h2c" + strings.TrimPrefix(s.URL, "http")}, MaxIdle: 4})
	e := b.Endpoints()[0]
	dial := func() *Conn {
		c, err := e.Dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	idle, busy := dial(), dial()
	e.Put(idle, metrics.Now())
	e.close()
	if !busy.Silent() {
		t.Error("what is under way was ended")
	}
	late := dial()
	if !late.Silent() {
		t.Error("who comes late finds a connection that has ended")
	}
	e.Put(busy, metrics.Now())
	await(t, "only what is late there", func() bool { e.http2.mu.Lock(); defer e.http2.mu.Unlock(); return e.http2.streams == 1 })
	if open.Load() == 0 {
		t.Error("the endpoint's connection was closed under a request")
	}
	e.Put(late, metrics.Now())
	await(t, "no connection to the endpoint", func() bool { return open.Load() == 0 })
	last := dial() // later still
	e.Put(last, metrics.Now())
	await(t, "no connection to the endpoint", func() bool { return open.Load() == 0 && e.pool.open.Load() == 0 })
}
