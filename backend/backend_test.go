package backend

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/metrics"
	"sluice/sock"
)

func newBackend(t *testing.T, c Config) *Backend {
	t.Helper()
	c.ConnectTimeout, c.Sweeper = time.Second, new(sock.Sweeper)
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// conn is what a request does: an idle connection if one is left, else a new one.
func conn(ctx context.Context, e *Endpoint, now metrics.Instant) (*Conn, error) {
	if c := e.Idle(now); c != nil {
		return c, nil
	}
	return e.Dial(ctx)
}

func TestAnEndpointThatIsNotPlainHTTPIsRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "ftp://a:1", "http://", "127.0.0.1:80", "http://a:b:c"} {
		if _, err := New(Config{Name: "stable", Endpoints: []string{raw}}); err == nil {
			t.Errorf("New(%q) = nil error, want a refusal", raw)
		}
	}
}

func TestPickTakesTheLessBusyEndpointAndNeverAnUnhealthyOne(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Config{Endpoints: []string{"http://127.0.0.1:1", "http://127.0.0.1:2"}})
	one, two := b.Endpoints()[0], b.Endpoints()[1]
	one.Begin()
	if got := b.Pick(1 << 32); got != two {
		t.Errorf("Pick = %v, want the idle endpoint", got.URL())
	}
	two.found(false, false)
	for draw := range uint64(8) {
		if got := b.Pick(draw | draw<<32); got != one {
			t.Fatalf("Pick(%d) = %v, want the healthy endpoint", draw, got)
		}
	}
	one.found(false, false)
	if got := b.Pick(0); got != nil || b.Available() {
		t.Errorf("Pick = %v, Available = %v; want nil, false", got, b.Available())
	}
}

func TestRoundRobinVisitsEveryEndpoint(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Config{Balancing: RoundRobin, Endpoints: []string{"http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"}})
	seen := map[string]int{}
	for range 9 {
		seen[b.Pick(0).URL()]++
	}
	for u, n := range seen {
		if n != 3 {
			t.Errorf("%s was picked %d times of 9, want 3", u, n)
		}
	}
}

// acceptor listens on loopback and hands over what connects.
func acceptor(t *testing.T) (string, <-chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan net.Conn, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return "http://" + l.Addr().String(), conns
}

func TestAnIdleConnectionOutOfTimeIsNotUsed(t *testing.T) {
	t.Parallel()
	address, _ := acceptor(t)
	b := newBackend(t, Config{Endpoints: []string{address}, MaxIdle: 1, IdleTimeout: time.Minute})
	e, now := b.Endpoints()[0], metrics.Now()
	first, err := conn(context.Background(), e, now)
	if err != nil {
		t.Fatal(err)
	}
	e.Put(first, now)
	later, err := conn(context.Background(), e, now+metrics.Instant(time.Minute))
	if err != nil || later == first {
		t.Fatalf("Conn = %p, %v, want a new connection", later, err)
	}
	_ = later.Close()
}

func TestTakingAndGivingBackAnIdleConnectionAllocatesNothing(t *testing.T) {
	address, _ := acceptor(t)
	b := newBackend(t, Config{Endpoints: []string{address}, MaxIdle: 1, IdleTimeout: time.Minute})
	e, now, ctx := b.Endpoints()[0], metrics.Now(), context.Background()
	c, err := conn(ctx, e, now)
	if err != nil {
		t.Fatal(err)
	}
	e.Put(c, now)
	if got := testing.AllocsPerRun(100, func() {
		c := e.Idle(now)
		e.Put(c, now)
	}); got != 0 {
		t.Errorf("allocations = %v, want 0", got)
	}
}

func TestHealthChangesOnlyAfterEnoughResultsInARow(t *testing.T) {
	t.Parallel()
	h := &HealthCheck{UnhealthyAfter: 3, HealthyAfter: 2}
	var seen tally
	healthy := true
	for i, step := range []struct{ ok, want bool }{
		{false, true}, {false, true}, {true, true}, {false, true}, {false, true}, {false, false}, {true, false}, {false, false}, {true, false}, {true, true},
	} {
		if healthy = seen.add(step.ok, healthy, h); healthy != step.want {
			t.Fatalf("after result %d: healthy = %v, want %v", i, healthy, step.want)
		}
	}
}

func TestTheHealthCheckFollowsARealServer(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" || broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	h := &HealthCheck{Path: "/healthz", Interval: 5 * time.Millisecond, Timeout: time.Second, UnhealthyAfter: 2, HealthyAfter: 2}
	b := newBackend(t, Config{Endpoints: []string{server.URL}, Health: h})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	await := func(want bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); b.Available() != want; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("Available = %v after 20s, want %v", !want, want)
			}
		}
	}
	broken.Store(true)
	await(false)
	broken.Store(false)
	await(true)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t, Config{Endpoints: []string{"http://127.0.0.1:1"}})
		ctx, stop := context.WithTimeout(context.Background(), time.Minute)
		defer stop()
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestIdleConnectionsOverTheLimitAreClosedWhenNoWaveNeedsThem(t *testing.T) {
	t.Parallel()
	address, _ := acceptor(t)
	b := newBackend(t, Config{Endpoints: []string{address}, MaxIdle: 2, IdleTimeout: time.Minute})
	e, now := b.Endpoints()[0], metrics.Now()
	wave := func() {
		t.Helper()
		var taken []*Conn
		for range 5 {
			c, err := conn(context.Background(), e, now)
			if err != nil {
				t.Fatal(err)
			}
			taken = append(taken, c)
		}
		for _, c := range taken {
			e.Put(c, now)
		}
	}
	wave()
	e.pool.prune(now)
	wave()
	e.pool.prune(now)
	if n := len(e.pool.idle); n != 5 {
		t.Errorf("%d idle while waves of 5 come, want 5", n)
	}
	e.pool.prune(now)
	if n := len(e.pool.idle); n != 2 || e.pool.open.Load() != 2 {
		t.Errorf("%d idle and %d open after a quiet second, want 2", n, e.pool.open.Load())
	}
}

func TestTheFirstHealthCheckDecidesByItself(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		defer server.Close()
		h := &HealthCheck{Path: "/", Interval: time.Hour, Timeout: 5 * time.Second, UnhealthyAfter: 3, HealthyAfter: 2}
		b := newBackend(t, Config{Endpoints: []string{server.URL}, Health: h})
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()
		<-b.Known()
		if got := b.Available(); got != (status == http.StatusOK) {
			t.Errorf("after one answer of %d: Available = %v", status, got)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
