package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"sluice/admin"
	"sluice/config"
	"sluice/rollout"
)

// running is an app that serves a configuration which a test can change.
type running struct {
	*App
	text   atomic.Pointer[string]
	listen string
	dir    string
}

func origin(t *testing.T, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, name+" "+r.Header.Get("Sluice-Backend"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// address is free now; a test that runs beside this one could take it, which would fail loudly at the listen.
func address(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (r *running) set(body string) {
	text := fmt.Sprintf("version: 1\nlisteners: [{name: web, address: %q, ofrep: true}]\nadmin: {address: \"unix:%s/admin.sock\"}\nstate: {dir: %q}\n%s", r.listen, r.dir, r.dir, body)
	r.text.Store(&text)
}

func start(t *testing.T, body string) *running {
	t.Helper()
	r := &running{listen: address(t), dir: t.TempDir()}
	r.set(body)
	load := func() (*config.Config, config.Findings) {
		return config.Parse("test.yaml", []byte(*r.text.Load()), func(string) (string, bool) { return "", false })
	}
	a, err := New(Options{Load: load, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	r.App = a
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	until(t, "ready", a.Ready)
	return r
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not %s after 10s", what)
		}
	}
}

func (r *running) get(t *testing.T) string {
	t.Helper()
	resp, err := http.Get("http://" + r.listen + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, " ", strings.TrimSpace(string(b)))
}

const pair = `routes:
  - name: shop
    backends:
      stable: {endpoints: [%q], version: "1"}
      canary: {endpoints: [%q], version: "2"}
    weights: {stable: %d, canary: %d}
`

func TestAReloadChangesWeightsAndKeepsCounts(t *testing.T) {
	t.Parallel()
	stable, canary := origin(t, "one"), origin(t, "two")
	r := start(t, fmt.Sprintf(pair, stable, canary, 100, 0))
	if got := r.get(t); got != "200 one stable" {
		t.Fatalf("got %q", got)
	}
	before := r.Routes()[0]
	r.set(fmt.Sprintf(pair, stable, canary, 0, 100))
	if _, err := r.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := r.get(t); got != "200 two canary" {
		t.Fatalf("after the reload: %q", got)
	}
	after := r.Routes()[0]
	if after.Backends[0].Meter != before.Backends[0].Meter || after.Generation <= before.Generation || after.Backends[1].Weight != rollout.Full {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestABrokenOrImpossibleReloadChangesNothing(t *testing.T) {
	t.Parallel()
	stable, canary := origin(t, "one"), origin(t, "two")
	body := fmt.Sprintf(pair, stable, canary, 100, 0)
	r := start(t, body)
	generation := r.Routes()[0].Generation
	r.set("routs: []\n")
	var invalid *admin.InvalidConfig
	if _, err := r.Reload(context.Background()); !errors.As(err, &invalid) || !strings.HasPrefix(invalid.Errors[0], "test.yaml:5:1: ") {
		t.Errorf("Reload of a broken file: %v", err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	old := r.listen
	r.listen = taken.Addr().String()
	r.set(body)
	if _, err := r.Reload(context.Background()); err == nil || !strings.Contains(err.Error(), "another process has it") {
		t.Errorf("Reload with a port that is taken: %v", err)
	}
	r.listen = old
	if got := r.get(t); got != "200 one stable" || r.Routes()[0].Generation != generation {
		t.Errorf("got %q in generation %d, want the old configuration in %d", got, r.Routes()[0].Generation, generation)
	}
	if n := r.Reloads(); n.Failed != 2 || n.Succeeded != 1 {
		t.Errorf("Reloads = %+v, want 2 failed and 1 succeeded", n)
	}
}

// A controller puts what its state says in force when it begins, which the table has already.
func TestARoutingThatIsInForceMakesNoNewTable(t *testing.T) {
	t.Parallel()
	r := start(t, fmt.Sprintf(pair, origin(t, "one"), origin(t, "two"), 100, 0))
	routing, ok := r.applier.routing("shop")
	before := r.live.Load()
	r.applier.apply(routing)
	if !ok || r.live.Load() != before {
		t.Errorf("generation %d became %d", before.Generation, r.live.Load().Generation)
	}
}

func TestARouteThatComesBackBeginsAnew(t *testing.T) {
	t.Parallel()
	stable, canary := origin(t, "one"), origin(t, "two")
	body := fmt.Sprintf(pair, stable, canary, 100, 0)
	r := start(t, body)
	move := rollout.Command{Verb: "set-weight", Weights: map[string]rollout.Weight{"stable": 0, "canary": rollout.Full}}
	for range 3 {
		if _, err := r.Routes()[0].Control.Do(context.Background(), move); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range []string{"routes: []\n", body} {
		r.set(b)
		if _, err := r.Reload(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.get(t); got != "200 one stable" {
		t.Fatalf("got %q, want the file's weights", got)
	}
	if _, err := r.Routes()[0].Control.Do(context.Background(), move); err != nil {
		t.Fatal(err)
	}
	if got := r.get(t); got != "200 two canary" {
		t.Errorf("got %q: the weight of the new route was not applied", got)
	}
}

func TestAReloadThatTakesTheCanaryAwayIsNotRefused(t *testing.T) {
	t.Parallel()
	stable, canary := origin(t, "one"), origin(t, "two")
	r := start(t, fmt.Sprintf(`routes:
  - name: shop
    backends:
      stable: {endpoints: [%q], version: "1"}
      canary: {endpoints: [%q], version: "2"}
    rollout: {steps: [99%%], hold: 1h, bakeStable: 0%%, analysis: {checks: [{metric: error-rate, max: 5%%}]}}
`, stable, canary))
	until(t, "on trial", func() bool { return r.Routes()[0].Backends[1].Weight == 9900 })
	r.set(fmt.Sprintf("routes:\n  - {name: shop, backends: {stable: {endpoints: [%q], version: \"1\"}}}\n", stable))
	if _, err := r.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if got := r.get(t); got != "200 one stable" {
			t.Fatalf("got %q, want stable alone", got)
		}
	}
	if got := r.journal.Last("shop", 2); len(got) == 0 || got[0].Reason != rollout.ReasonConfigRemoved {
		t.Errorf("the last decision is %+v, want %s", got, rollout.ReasonConfigRemoved)
	}
}

func TestAListenerCanBeAddedAndRemovedWhileRunning(t *testing.T) {
	t.Parallel()
	stable := origin(t, "one")
	body := fmt.Sprintf("routes:\n  - {name: shop, backends: {stable: {endpoints: [%q]}}}\n", stable)
	r := start(t, body)
	old := r.listen
	r.listen = address(t)
	r.set(body)
	if _, err := r.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := r.get(t); got != "200 one stable" {
		t.Errorf("the new listener: %q", got)
	}
	until(t, "closed", func() bool { _, err := net.Dial("tcp", old); return err != nil })
}

func TestExplainSaysWhatARequestWouldMeet(t *testing.T) {
	t.Parallel()
	r := start(t, fmt.Sprintf(`identity: {trust: [10.0.0.0/8], key: [{header: X-User-Id}]}
routes:
  - name: shop
    match: [{host: shop.test, path: {prefix: /a}}]
    backends:
      stable: {endpoints: [%q]}
      canary: {endpoints: [%q]}
    select: [{beta: {users: [alice]}, to: canary}]
`, origin(t, "one"), origin(t, "two")))
	ask := func(q admin.ExplainRequest) string {
		t.Helper()
		e, err := r.Explain(q)
		return fmt.Sprint(e.Route, " ", e.Backend, " ", e.Reason, " ", err)
	}
	user := map[string]string{"X-User-Id": "alice"}
	for _, c := range []struct {
		q    admin.ExplainRequest
		want string
	}{
		{admin.ExplainRequest{URL: "http://shop.test/a/b", Headers: user, From: "10.1.1.1"}, "shop canary beta <nil>"},
		{admin.ExplainRequest{URL: "http://shop.test/a/b", Headers: user, From: "192.0.2.1"}, "shop stable weight <nil>"},
		{admin.ExplainRequest{URL: "http://shop.test/b"}, "   <nil>"},
		{admin.ExplainRequest{Route: "shop", Headers: user, From: "10.1.1.1"}, "shop canary beta <nil>"},
		{admin.ExplainRequest{Route: "none"}, `   there is no route "none"; there are: shop`},
		{admin.ExplainRequest{URL: "http://shop.test/a", Headers: map[string]string{"A": "b\r\nX-User-Id: alice"}, From: "10.1.1.1"}, `   headers: "A" holds a line end or NUL, which no request can carry`},
		{admin.ExplainRequest{URL: "http://shop.test/", From: "x"}, `   from: "x" is not an IP address`},
	} {
		if got := ask(c.q); got != c.want {
			t.Errorf("Explain(%+v) = %q, want %q", c.q, got, c.want)
		}
	}
}
