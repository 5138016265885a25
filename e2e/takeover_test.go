package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// slowRollout waits at each step for longer than a test lasts.
const slowRollout = `    sticky: {by: header, header: X-User-Id}
    rollout:
      steps: [10%, 30%]
      hold: 10m
      bake: 10m
      analysis: {checks: [{metric: error-rate, max: 50%}]}
`

// awaitLog waits until the process has written the text.
func awaitLog(t *testing.T, p *testkit.Process, text string) {
	t.Helper()
	testkit.Until(t, testkit.Patience, fmt.Sprintf("%q in the log", text), func() (bool, any) {
		if p.Ended() {
			t.Fatalf("the process has ended: %s", p.Stderr())
		}
		return strings.Contains(p.Stderr(), text), p.Stderr()
	})
}

// browse lets some clients ask one request after the other, on connections that they keep, until the function returned is called: then it
// says how many they asked and what they lost. They are net/http's: who sends a request on a connection that is just being closed sends it
// again, as browsers do (RFC 9110, section 9.2.2).
func browse(t *testing.T, address string) (stop func() (asked int64, lost []string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	var clients sync.WaitGroup
	var asked atomic.Int64
	var mu sync.Mutex
	var lost []string
	for i := range 4 {
		clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", http.NoBody)
				if err != nil {
					panic(err)
				}
				req.Header.Set("X-User-Id", fmt.Sprint("user-", i, "-", n%200))
				resp, err := client.Do(req)
				if ctx.Err() != nil {
					return
				}
				what := ""
				if err != nil {
					what = err.Error()
				} else if _, err = io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
					what = fmt.Sprint(resp.StatusCode, err)
				}
				if err == nil {
					_ = resp.Body.Close()
				}
				asked.Add(1)
				if what != "" && ctx.Err() == nil {
					mu.Lock()
					lost = append(lost, what)
					mu.Unlock()
				}
			}
		})
	}
	t.Cleanup(func() { cancel(); clients.Wait() })
	return func() (int64, []string) {
		cancel()
		clients.Wait()
		return asked.Load(), lost
	}
}

func TestATakeoverUnderLoadLosesNothingAndOneProcessDecidesAtATime(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	old := testkit.Start(t, shop(stable.URL, canary.URL, slowRollout))
	load := browse(t, old.Web)
	before := old.AwaitRollout(t, "shop", testkit.Patience, "step 1", func(s rollout.Status) bool { return s.Step == 1 })

	next := old.Successor(t, "--takeover")
	awaitLog(t, next.Process, "ready")
	call(t, old, 0, "promote", "shop") // the old one decides, the new one follows
	testkit.Until(t, testkit.Patience, "the successor at 30%", func() (bool, any) {
		next.Signal(t, syscall.SIGUSR2)
		return strings.Contains(next.Stderr(), `\"weight\":30`), "another state"
	})
	old.Signal(t, syscall.SIGTERM)
	if r := old.Wait(t); r.Code != 0 {
		t.Errorf("the old process ended with %d: %s", r.Code, r.Stderr)
	}
	next.AwaitReady(t)
	s := next.AwaitRollout(t, "shop", testkit.Patience, "the state", func(s rollout.Status) bool { return s.Attempt == before.Attempt })
	if s.Step != 2 || s.Weight != 3000 || s.Phase != rollout.Progressing {
		t.Errorf("after the takeover the rollout is %s, want step 2 at 30%%", testkit.Brief(s))
	}
	checkUsers(t, next, 30)
	call(t, next, 0, "abort", "shop")
	if asked, lost := load(); len(lost) > 0 || asked < 100 {
		t.Errorf("the clients lost %d of %d requests: %.3q", len(lost), asked, lost)
	}
	var starts int
	var last uint64
	decisions := next.Decisions(t, "shop")
	for i := range decisions {
		d := decisions[len(decisions)-1-i]
		if d.Action == "start" {
			starts++
		}
		if d.Seq <= last {
			t.Errorf("decision %d comes after %d: two processes have decided", d.Seq, last)
		}
		last = d.Seq
	}
	if starts != 1 {
		t.Errorf("the journal has %d starts, want 1: %+v", starts, decisions)
	}
}

func TestASuccessorTakesOverFromAProcessThatIsKilled(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	old := testkit.Start(t, shop(stable.URL, canary.URL, slowRollout))
	before := old.AwaitRollout(t, "shop", testkit.Patience, "step 1", func(s rollout.Status) bool { return s.Step == 1 })
	next := old.Successor(t, "--takeover")
	awaitLog(t, next.Process, "ready")
	old.Kill()
	next.AwaitReady(t)
	if s := next.Rollout(t, "shop"); s.Attempt != before.Attempt || s.Step != 1 || s.Weight != 1000 {
		t.Errorf("after the kill the rollout is %s, want %s", testkit.Brief(s), testkit.Brief(before))
	}
	call(t, next, 0, "promote", "shop")
}

func TestTheProcessThatEndsTakesNoMoreCommands(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	stable, canary := pair(t)
	for _, o := range []*testkit.Origin{stable, canary} {
		o.Script(func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done()
		})
	}
	old := testkit.Start(t, shop(stable.URL, canary.URL, slowRollout))
	old.AwaitRollout(t, "shop", testkit.Patience, "step 1", func(s rollout.Status) bool { return s.Step == 1 })
	c := testkit.Dial(t, old.Web)
	c.Send(t, testkit.Head("GET", "/", "X-User-Id: ann"))
	<-arrived
	next := old.Successor(t, "--takeover")
	awaitLog(t, next.Process, "ready")
	old.Signal(t, syscall.SIGTERM)
	awaitLog(t, next.Process, "has the state now")
	r := call(t, old, 5, "abort", "shop") // it still drains, and has the admin address
	if !strings.Contains(r.Stderr, "ending") {
		t.Errorf("abort at the process that ends says %q, want why not", r.Stderr)
	}
	old.Signal(t, syscall.SIGTERM) // no more patience
	next.AwaitReady(t)
	call(t, next, 0, "abort", "shop")
}

func TestWithoutTakeoverWhatIsTakenIsAnError(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, ""))
	for what, c := range map[string]struct{ listen, admin, state, says string }{
		"the state folder": {testkit.FreeAddress(t), testkit.FreeAddress(t), p.StateDir, fmt.Sprintf("process %d", p.ID())},
		"a listener":       {p.Web, testkit.FreeAddress(t), t.TempDir(), p.Web},
		"the admin API":    {testkit.FreeAddress(t), p.Admin, t.TempDir(), p.Admin},
	} {
		text := fmt.Sprintf("version: 1\nlisteners: [{name: web, address: %q}]\nadmin: {address: %q}\nstate: {dir: %q}\n%s",
			c.listen, c.admin, c.state, shop(stable.URL, canary.URL, ""))
		r := testkit.Run(t, "run", "-c", file(t, text))
		lines := strings.Split(strings.TrimSpace(r.Stderr), "\n")
		if last := lines[len(lines)-1]; r.Code != 1 || !strings.Contains(last, c.says) {
			t.Errorf("%s is taken: exit %d, %q; want 1, naming %s", what, r.Code, last, c.says)
		}
	}
	if a := testkit.Ask(t, p.Web, "GET", "/"); a.Status != 200 {
		t.Errorf("the process that was there answers %d, want 200", a.Status)
	}
}
