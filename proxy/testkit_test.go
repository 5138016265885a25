package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/backend"
	"sluice/identity"
	"sluice/metrics"
	"sluice/router"
	"sluice/selector"
	"sluice/sock"
)

// origin is a backend whose every connection is served by a script, on raw bytes.
type origin struct {
	url      string
	accepted atomic.Int32
}

func newOrigin(t *testing.T, script func(conn net.Conn, r *bufio.Reader)) *origin {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	o := &origin{url: "http://" + l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			o.accepted.Add(1)
			go func() {
				defer c.Close()
				script(c, bufio.NewReader(c))
			}()
		}
	}()
	return o
}

// head reads a message's head; "" at the end of the connection.
func head(r *bufio.Reader) string {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return ""
		}
		b.WriteString(line)
		if line == "\r\n" {
			return b.String()
		}
	}
}

// always answers every request on a connection with the same bytes.
func always(answer string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, r *bufio.Reader) {
		for head(r) != "" {
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}

// bench is a running server in front of one or two origins.
type bench struct {
	t       *testing.T
	address string
	server  *Server
	live    *router.Live
	route   *router.Route
}

type benchOptions struct {
	front    Front
	timeouts backend.Timeouts
	connect  time.Duration
	timeout  time.Duration
	identity identity.Config
	sticky   []selector.StickyBy
	cookie   *router.Cookie
	canary   uint32
	debug    bool
	// backend and routed change what is made of the options, before it is in force.
	backend func(name string, c *backend.Config)
	routed  func(r *router.Route)
	users   *metrics.Keys
}

func defaultLimits() Limits {
	return Limits{HeaderBytes: 64 << 10, HeaderCount: 100, HeaderTimeout: 10 * time.Second, IdleTimeout: 75 * time.Second, BodyRate: 500}
}

func newBench(t *testing.T, o benchOptions, urls ...string) *bench {
	t.Helper()
	if o.front.Limits == (Limits{}) {
		o.front.Limits = defaultLimits()
	}
	if o.connect == 0 {
		o.connect = time.Second
	}
	sweeper := new(sock.Sweeper)
	ctx, stop := context.WithCancel(context.Background())
	swept := make(chan struct{})
	go func() { _ = sweeper.Run(ctx); close(swept) }()
	r := &router.Route{Name: "shop", Timeout: o.timeout, Fallback: selector.ToStable, Cookie: o.cookie, Users: new(atomic.Pointer[metrics.Keys])}
	r.Users.Store(o.users)
	for i, u := range urls {
		c := backend.Config{
			Name: []string{"stable", "canary"}[i], Endpoints: []string{u}, ConnectTimeout: o.connect, Timeouts: o.timeouts,
			MaxIdle: 16, IdleTimeout: time.Minute, Sweeper: sweeper,
		}
		if o.backend != nil {
			o.backend(c.Name, &c)
		}
		b, err := backend.New(c)
		if err != nil {
			t.Fatal(err)
		}
		r.Backends = append(r.Backends, b)
		r.Meters = append(r.Meters, metrics.New(metrics.Config{Blocks: true}))
	}
	canary := -1
	if len(urls) > 1 {
		canary = 1
	}
	r.Selector = selector.New(selector.Config{Route: "shop", Sticky: o.sticky},
		selector.Split{Canary: canary, CanaryWeight: o.canary, PairWeight: 10000, Salt: "a", Trial: true, Step: 1})
	if o.routed != nil {
		o.routed(r)
	}
	live := new(router.Live)
	live.Store(router.New(router.Table{Routes: []*router.Route{r}, Identity: identity.New(o.identity), DebugHeaders: o.debug}))
	s := New(Config{
		Live: live, Process: new(metrics.Process), NoRoute: metrics.New(metrics.Config{}), Sweeper: sweeper,
		Panicked: func(v any, stack []byte) { t.Errorf("panic: %v\n%s", v, stack) },
	})
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	looking := make(chan struct{})
	go func() { _ = s.Run(ctx); close(looking) }()
	l := NewListener(nl, o.front)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = nl.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		over, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		_ = s.Shutdown(over)
		stop()
		<-swept
		<-looking
	})
	return &bench{t: t, address: nl.Addr().String(), server: s, live: live, route: r}
}

func (b *bench) dial() (net.Conn, *bufio.Reader) {
	b.t.Helper()
	c, err := net.Dial("tcp", b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c, bufio.NewReader(c)
}

// talk sends raw bytes on a connection of its own and returns all that comes back until its end. The test's requests say
// `Connection: close` where the proxy would keep it.
func (b *bench) talk(raw string) string {
	b.t.Helper()
	c, r := b.dial()
	if _, err := io.WriteString(c, raw); err != nil {
		b.t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil {
		return string(got) + "<" + reset + ">"
	}
	return string(got)
}

const reset = "reset"

// totals waits until the meters of backend i say what the test expects: a client may read an answer before it is counted.
func (b *bench) totals(i int, ok func(metrics.Totals) bool) metrics.Totals {
	b.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		t := b.route.Meters[i].Totals()
		if ok(t) || time.Now().After(deadline) {
			return t
		}
	}
}

var loopback = netip.MustParsePrefix("127.0.0.0/8")
