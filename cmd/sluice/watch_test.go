package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/rollout"
)

// recorder keeps what is written while it is being written.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
	each func(string)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.Write(b)
	if r.each != nil {
		r.each(r.text.String())
	}
	return len(b), nil
}

func TestAWatchSaysOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	_, controller, env := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &recorder{each: func(all string) {
		switch strings.Count(all, "\n") {
		case 3: // each route once
			controller.Set(func(c *admintest.Controller) { c.State.Phase, c.State.Reason = rollout.Paused, "User" })
		case 4:
			cancel()
		}
	}}
	address, _ := strings.CutPrefix(env[0], "SLUICE_ADMIN=")
	code := run(ctx, []string{"status", "--watch", "--admin", address}, console{out: out, err: out, env: func(string) string { return "" }})
	lines := strings.Split(strings.TrimSpace(out.text.String()), "\n")
	if code != 0 || len(lines) != 4 || !strings.HasPrefix(lines[3], "checkout: Paused (User)") {
		t.Errorf("watch = %d, %q; want 0, three routes and then the pause alone", code, lines)
	}
}

func TestAWaitOutlivesTheReplacementOfTheProxy(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	old := admin.RouteObject{Name: "checkout", Rollout: new(admintest.Progressing())}
	proxy, controller := admintest.New()
	controller.State.Phase, controller.State.Outcome = rollout.Succeeded, rollout.Promoted
	go func() { // answers once, goes, and another process takes its place
		body, err := json.Marshal(old)
		if err != nil {
			panic(err)
		}
		server := &http.Server{}
		asked := make(chan struct{})
		server.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Connection", "close")
			_, _ = fmt.Fprintf(w, "%s", body)
			close(asked)
		})
		go func() { _ = server.Serve(l) }()
		<-asked
		_ = server.Shutdown(context.Background())
		next, err := net.Listen("tcp", address)
		if err != nil {
			panic(err)
		}
		admintest.ServeOn(t, next, proxy, nil)
	}()
	if r := call(t, nil, "status", "checkout", "--wait", "--timeout", "20s", "--admin", address); r.code != 0 {
		t.Errorf("status --wait over a replacement = %+v, want 0", r)
	}
}

func TestAWaitThatIsGivenUpIsNoTimeout(t *testing.T) {
	t.Parallel()
	_, controller, env := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	controller.Set(func(c *admintest.Controller) {
		c.OnLook = func(look int, _ *rollout.Status) {
			if look > 2 {
				cancel()
			}
		}
	})
	address, _ := strings.CutPrefix(env[0], "SLUICE_ADMIN=")
	out := new(recorder)
	if code := run(ctx, []string{"status", "--wait", "checkout", "--admin", address}, console{out: out, err: out, env: func(string) string { return "" }}); code != exitFailure {
		t.Errorf("status --wait that is interrupted = %d, %q; want 1", code, out.text.String())
	}
}
