package client_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/admin/client"
	"sluice/rollout"
)

func newClient(t *testing.T, address, token string) *client.Client {
	t.Helper()
	c, err := client.New(address, token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryCallReadsItsAnswer(t *testing.T) {
	t.Parallel()
	proxy, controller := admintest.New()
	c := newClient(t, admintest.Serve(t, proxy, func(c *admin.Config) { c.Tokens = []admin.Token{{Role: admin.Operate, Secret: "s3cret"}} }), "s3cret")
	ctx := t.Context()
	if err := c.Ready(ctx); err != nil {
		t.Errorf("Ready = %v", err)
	}
	list, err := c.Routes(ctx)
	if err != nil || len(list.Routes) != 3 || list.Routes[1].Rollout != nil {
		t.Errorf("Routes = %+v, %v", list, err)
	}
	one, err := c.Route(ctx, "checkout")
	if err != nil || one.Backends[1].Weight != 500 || time.Duration(one.Backends[1].Latency.P95) == 0 {
		t.Errorf("Route = %+v, %v", one, err)
	}
	state, err := c.Rollout(ctx, "checkout")
	if diff := cmp.Diff(controller.State, state); err != nil || diff != "" {
		t.Errorf("Rollout = %v (-want +got):\n%s", err, diff)
	}
	decisions, err := c.Decisions(ctx, "checkout", 5)
	if err != nil || len(decisions.Decisions) != 1 || decisions.Decisions[0].Action != "start" {
		t.Errorf("Decisions = %+v, %v", decisions, err)
	}
	log, err := c.Blocks(ctx, "checkout", "01JQ")
	if err != nil || string(log) != string(controller.Log) || len(log) == 0 {
		t.Errorf("Blocks = %q, %v", log, err)
	}
	explained, err := c.Explain(ctx, admin.ExplainRequest{URL: "http://a/b"})
	if err != nil || explained.Reason != "beta" {
		t.Errorf("Explain = %+v, %v", explained, err)
	}
	reloaded, err := c.Reload(ctx, "cli:ann")
	if err != nil || reloaded.Generation != 13 {
		t.Errorf("Reload = %+v, %v", reloaded, err)
	}
	if state, err = c.Do(ctx, "checkout", rollout.Command{Verb: "pause", Actor: "cli:ann"}); err != nil || state.Attempt != "01JQ" {
		t.Errorf("Do = %+v, %v", state, err)
	}
	divide := rollout.Command{Verb: "set-weight", Weights: map[string]rollout.Weight{"stable": 7500, "canary": 2500}}
	if one, err = c.SetWeight(ctx, "search", divide); err != nil || one.Name != "search" {
		t.Errorf("SetWeight = %+v, %v", one, err)
	}
}

func TestAUnixSocketIsReached(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	proxy, _ := admintest.New()
	admintest.ServeOn(t, l, proxy, nil)
	if err := newClient(t, "unix:"+path, "").Ready(t.Context()); err != nil {
		t.Errorf("Ready = %v", err)
	}
}

func TestARefusalIsAProblem(t *testing.T) {
	t.Parallel()
	proxy, controller := admintest.New()
	controller.Err = &rollout.Refused{Reason: "the attempt is over"}
	address := admintest.Serve(t, proxy, func(c *admin.Config) { c.Tokens = []admin.Token{{Role: admin.Operate, Secret: "s3cret"}} })
	_, err := newClient(t, address, "s3cret").Do(t.Context(), "checkout", rollout.Command{Verb: "promote"})
	var p *admin.Problem
	if !errors.As(err, &p) || p.Status != 409 || p.Rollout == nil || p.Rollout.Attempt != "01JQ" {
		t.Errorf("Do = %v, %+v; want a problem with the state", err, p)
	}
	if _, err = newClient(t, address, "").Routes(t.Context()); !errors.As(err, &p) || p.Status != 401 {
		t.Errorf("Routes without the token = %v, want a problem of status 401", err)
	}
}

func TestNoProxyOrAnotherServerIsUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for _, address := range []string{nobody, "unix:" + filepath.Join(t.TempDir(), "no.sock"), other.Listener.Addr().String()} {
		var away *client.Unreachable
		err := newClient(t, address, "").Ready(t.Context())
		if !errors.As(err, &away) || !strings.Contains(err.Error(), address) {
			t.Errorf("Ready at %s = %v, want Unreachable with the address", address, err)
		}
	}
}

func TestACallerWhoGivesUpIsNotCalledUnreachable(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newClient(t, admintest.Serve(t, proxy, nil), "").Ready(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Ready = %v, want %v", err, context.Canceled)
	}
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "localhost", "unix:", "http://127.0.0.1:9900", "127.0.0.1:"} {
		if _, err := client.New(address, ""); err == nil {
			t.Errorf("New(%q) is no error", address)
		}
	}
}
