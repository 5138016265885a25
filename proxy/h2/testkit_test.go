package h2

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"
	"time"

	"sluice/backend"
	"sluice/identity"
	"sluice/internal/testkit"
	"sluice/listener"
	"sluice/metrics"
	"sluice/proxy"
	"sluice/router"
	"sluice/selector"
	"sluice/sock"
)

// bench is a running server that speaks HTTP/2 in front of one backend.
type bench struct {
	address string
	server  *proxy.Server
	meter   *metrics.Meter
	backend *backend.Backend
	// client speaks HTTP/2 only.
	client *http.Client
	scheme string
}

type options struct {
	front    proxy.Front
	timeouts backend.Timeouts
	timeout  time.Duration
	identity identity.Config
	tls      bool
	retry    *router.Retry
	others   []string // further endpoints
}

func newBench(t *testing.T, o options, url string) *bench {
	t.Helper()
	if o.front.Limits == (proxy.Limits{}) {
		o.front.Limits = proxy.Limits{HeaderBytes: 64 << 10, HeaderCount: 100, HeaderTimeout: 10 * time.Second, IdleTimeout: 75 * time.Second, BodyRate: 500}
	}
	o.front.HTTP2 = true
	transport := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	transport.Protocols.SetHTTP2(o.tls)
	transport.Protocols.SetUnencryptedHTTP2(!o.tls)
	if o.tls {
		a := testkit.NewAuthority(t)
		c := a.Issue(t, "server", time.Now().Add(time.Hour), "127.0.0.1")
		var err error
		o.front.TLS, err = listener.New(listener.Options{
			Certificates: []listener.Pair{listener.Pair(c)}, MinVersion: tls.VersionTLS12, Protocols: []string{"h2", "http/1.1"},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: a.Pool}
	}
	sweeper := new(sock.Sweeper)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	b, err := backend.New(backend.Config{
		Name: "stable", Endpoints: append([]string{url}, o.others...), Balancing: backend.RoundRobin, ConnectTimeout: time.Second, Timeouts: o.timeouts, MaxIdle: 16, IdleTimeout: time.Minute, Sweeper: sweeper,
	})
	if err != nil {
		t.Fatal(err)
	}
	m := metrics.New(metrics.Config{Blocks: true})
	r := &router.Route{
		Name: "shop", Timeout: o.timeout, Retry: o.retry, Fallback: router.NoFallback, Backends: []*backend.Backend{b}, Meters: []*metrics.Meter{m},
		Selector: selector.New(selector.Config{Route: "shop"}, selector.Split{Canary: -1, PairWeight: 10000}),
	}
	live := new(router.Live)
	live.Store(router.New(router.Table{Routes: []*router.Route{r}, Identity: identity.New(o.identity)}))
	s := proxy.New(proxy.Config{
		Live: live, Process: new(metrics.Process), NoRoute: metrics.New(metrics.Config{}), Sweeper: sweeper,
		Panicked: func(v any, stack []byte) { t.Errorf("panic: %v\n%s", v, stack) },
		Refused:  func(_ string, err error) { t.Logf("refused: %v", err) },
	})
	New(s)
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = sweeper.Run(ctx); close(ended) }()
	pruned := make(chan struct{})
	go func() { _ = b.Run(ctx); close(pruned) }()
	served := make(chan error, 1)
	go func() { served <- s.Serve(proxy.NewListener(nl, o.front)) }()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = nl.Close()
		<-served
		over, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_ = s.Shutdown(over)
		stop()
		<-ended
		<-pruned
	})
	scheme := "http"
	if o.tls {
		scheme = "https"
	}
	return &bench{scheme: scheme, address: nl.Addr().String(), server: s, meter: m, backend: b, client: &http.Client{Transport: transport, Timeout: testkit.Patience}}
}

// url is an address on the bench.
func (b *bench) url(path string) string {
	return b.scheme + "://" + b.address + path
}

// origins are backends of each kind that serve h.
func origins(t *testing.T, h http.Handler) map[string]string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	a := l.Addr().String()
	return map[string]string{"h1": "http://" + a, "h2c": "h2c://" + a}
}
