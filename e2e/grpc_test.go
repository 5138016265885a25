package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// callServer is a server of gRPC: every call is answered with one empty message and a status in the trailers.
type callServer struct {
	name, url string
	status    atomic.Value // string
	calls     atomic.Int64
}

func newCallServer(t *testing.T, name string) *callServer {
	t.Helper()
	s := &callServer{name: name}
	s.status.Store("0")
	server := &http.Server{Protocols: new(http.Protocols), ReadHeaderTimeout: testkit.Patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set(testkit.ServedBy, s.name)
		_, _ = w.Write([]byte{0, 0, 0, 0, 0})
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", s.status.Load().(string))
	})}
	server.Protocols.SetUnencryptedHTTP2(true)
	l, err := net.Listen("tcp", testkit.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	s.url = "h2c://" + l.Addr().String()
	return s
}

// overHTTP2 starts a proxy that speaks HTTP/2 without TLS, too, and returns a client that speaks nothing else.
func overHTTP2(t *testing.T, body string) (*testkit.Proxy, *http.Client) {
	t.Helper()
	p := testkit.Prepare(t, "")
	p.WriteWhole(t, fmt.Sprintf("version: 1\nlisteners:\n  - {name: web, address: %q, protocols: [http1, h2c]}\nadmin: {address: %q}\nstate: {dir: %q}\n%s", p.Web, p.Admin, p.StateDir, body))
	p.Run(t)
	p.AwaitReady(t)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return p, &http.Client{Transport: transport, Timeout: testkit.Patience}
}

// makeCall makes a call and returns who answered and its status.
func makeCall(ctx context.Context, client *http.Client, p *testkit.Proxy, user string) (by, status string, err error) {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+p.Web+"/shop.Checkout/Pay", strings.NewReader("\x00\x00\x00\x00\x00"))
	if err != nil {
		return "", "", err
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	req.Header.Set(testkit.UserHeader, user)
	resp, err := client.Do(req)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.Header.Get(testkit.ServedBy), resp.Header.Get("Grpc-Status") + resp.Trailer.Get("Grpc-Status"), err
}

func TestACanaryWhoseCallsFailIsRolledBack(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"13", "14"} {
		t.Run("grpc-status "+status, func(t *testing.T) {
			t.Parallel()
			stable, canary := newCallServer(t, "stable"), newCallServer(t, "canary")
			p, client := overHTTP2(t, shop(stable.url, canary.url, trialRollout))
			ctx, stop := context.WithCancel(t.Context())
			var load sync.WaitGroup
			defer load.Wait()
			defer stop()
			for i := range 4 {
				load.Go(func() {
					for n := 0; ctx.Err() == nil; n++ {
						if _, _, err := makeCall(ctx, client, p, fmt.Sprintf("user-%d-%d", i, n)); err != nil && ctx.Err() == nil {
							t.Errorf("a call: %v", err)
							return
						}
					}
				})
			}
			testkit.Until(t, testkit.Patience, "a canary that answers calls well", func() (bool, any) { return canary.calls.Load() > 60, canary.calls.Load() })
			if s := p.Rollout(t, "shop"); s.Outcome != "" || s.Weight == 0 {
				t.Fatalf("the rollout is %s while all calls are good, want it under way", testkit.Brief(s))
			}
			canary.status.Store(status)
			end := p.AwaitRollout(t, "shop", testkit.Patience, "weight 0", func(s rollout.Status) bool { return s.Weight == 0 })
			checkRolledBack(t, p, end, "abort-on", "error-rate")
			if by, got, err := makeCall(ctx, client, p, "somebody"); by != stable.name || got != "0" || err != nil {
				t.Errorf("then a call is answered by %s with status %q, %v; want stable and 0", by, got, err)
			}
		})
	}
}

func TestWeightsHoldForEachCallOfOneConnection(t *testing.T) {
	t.Parallel()
	stable, canary := newCallServer(t, "stable"), newCallServer(t, "canary")
	p, client := overHTTP2(t, shop(stable.url, canary.url, "    weights: {stable: 70%, canary: 30%}\n"))
	const calls = 600
	for i := range calls {
		if _, status, err := makeCall(t.Context(), client, p, fmt.Sprint(i)); status != "0" || err != nil {
			t.Fatalf("call %d: status %q, %v", i, status, err)
		}
	}
	if ok, want := within(int(canary.calls.Load()), calls, 0.3); !ok {
		t.Errorf("the canary has %d of %d calls, want %s", canary.calls.Load(), calls, want)
	}
}
