package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"sluice/internal/testkit"
	"sluice/rollout"
)

var (
	chaosFor  = flag.Duration("chaos", 30*time.Second, "how long TestChaos lasts; 0 leaves it out")
	chaosSeed = flag.Uint64("chaos-seed", 0, "its seed; 0 takes the clock")
)

// TestChaos lets everything happen to a real process under load: kills, commands, reloads, a disk that can't be written, a canary that
// fails or goes away. It looks from outside: what the traffic shows is what was decided, and no request is lost but those at a kill.
func TestChaos(t *testing.T) {
	t.Parallel()
	if *chaosFor == 0 {
		t.Skip("-chaos=0")
	}
	c := startChaos(t)
	for end := time.Now().Add(*chaosFor); time.Now().Before(end) && !t.Failed(); {
		c.act()
		c.look()
	}
	c.mend()
	c.load.stop()
	for i, loss := range c.load.lost {
		if i < 5 {
			t.Errorf("lost: %s", loss)
		}
	}
	t.Logf("chaos: seed %d, %v: %s; %s", c.seed, *chaosFor, c.counts(), c.load.summary())
}

type chaos struct {
	t              *testing.T
	seed           uint64
	random         *rand.Rand
	proxy          *testkit.Proxy
	stable, canary *testkit.Origin
	load           *chaosLoad
	versions       map[string]int // of the backends, as the file says
	newest         int
	steps          string
	done           map[string]int // what was done how often
}

func startChaos(t *testing.T) *chaos {
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("again with -chaos-seed=%d", seed)
	c := &chaos{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 2)), versions: map[string]int{"stable": 1, "canary": 2}, newest: 2, steps: "[10%, 30%, 60%]", done: map[string]int{}}
	c.stable, c.canary = pair(t)
	c.proxy = testkit.Start(t, c.config())
	c.load = startChaosLoad(c.proxy.Web, rate(300))
	return c
}

func (c *chaos) config() string {
	return fmt.Sprintf(`routes:
  - name: shop
    backends:
      stable: {endpoints: [%q], version: "%d"}
      canary: {endpoints: [%q], version: "%d"}
    rollout:
      steps: %s
      hold: 1s
      minRequests: 20
      bake: 2s
      analysis: {checks: [{metric: error-rate, max: 5%%}]}
`, c.stable.URL, c.versions["stable"], c.canary.URL, c.versions["canary"], c.steps)
}

func (c *chaos) counts() string {
	out := ""
	for _, what := range []string{"kill", "term", "command", "refused", "approve", "reload", "disk", "failing", "rollback", "promotion", "look"} {
		out += fmt.Sprintf("%s %d, ", what, c.done[what])
	}
	return out[:len(out)-2]
}

func (c *chaos) act() {
	switch c.random.IntN(14) {
	case 0, 1:
		c.kill()
	case 2, 3, 4:
		verbs := []string{"pause", "resume", "promote", "promote", "abort", "retry", "retry", "start", "undo"}
		verb := verbs[c.random.IntN(len(verbs))]
		if p := c.proxy.Rollout(c.t, "shop").Phase; p == rollout.Failed || p == rollout.Aborted {
			verb = "retry"
		}
		c.command(verb)
	case 5, 6:
		c.approve()
	case 7, 10, 11:
		c.reload()
	case 8:
		c.disk()
	case 9:
		c.fail()
	default: // let it go on by itself
		time.Sleep(time.Duration(c.random.IntN(1500)) * time.Millisecond)
	}
}

// kill ends the process and starts it again: it goes on from what was on disk, never above it.
func (c *chaos) kill() {
	what, signal := "kill", syscall.SIGKILL
	if c.random.IntN(4) == 0 {
		what, signal = "term", syscall.SIGTERM
	}
	c.done[what]++
	c.load.down()
	c.proxy.Signal(c.t, signal)
	c.proxy.Wait(c.t)
	if c.random.IntN(2) == 0 {
		c.mend()
	}
	committed, ok := c.onDisk()
	c.proxy.Run(c.t)
	c.proxy.AwaitReady(c.t)
	c.load.up()
	s := c.proxy.Rollout(c.t, "shop")
	decided := s.LastDecision != nil && s.LastDecision.Seq > committed.Seq
	switch {
	case !ok && s.Weight > 0 && !decided:
		c.t.Errorf("nothing was on disk, and it began with %s", testkit.Brief(s))
	case ok && !decided && (s.Attempt != committed.Attempt || s.Weight > committed.Weight):
		c.t.Errorf("on disk was %s at %s of %s, it began with %s", committed.Phase, committed.Weight, committed.Attempt, testkit.Brief(s))
	}
}

func (c *chaos) command(verb string) {
	c.done["command"]++
	code, body := c.post(verb, map[string]any{"actor": "chaos", "full": c.random.IntN(4) == 0})
	switch {
	case code == 409:
		c.done["refused"]++
	case code != 200:
		c.t.Errorf("%s = %d %s", verb, code, body)
	case verb == "abort":
		c.noCanary("an abort")
	}
}

// noCanary: from now on nobody gets to the backend that was on trial, until somebody starts again.
func (c *chaos) noCanary(after string) {
	from, s := time.Now(), c.proxy.Rollout(c.t, "shop")
	time.Sleep(300 * time.Millisecond)
	if all, n := c.load.since(from, s.Canary.Backend); n > 0 {
		c.t.Errorf("%d of %d requests reached %s after %s: %s", n, all, s.Canary.Backend, after, testkit.Brief(s))
	}
}

func (c *chaos) approve() {
	s := c.proxy.Rollout(c.t, "shop")
	if s.Gate == "" {
		return
	}
	c.done["approve"]++
	body := map[string]any{"attempt": s.Attempt, "step": s.Step, "gate": s.Gate, "actor": "chaos"}
	if code, text := c.post("approve", body); code != 200 && code != 409 {
		c.t.Errorf("approve = %d %s", code, text)
	}
	if code, text := c.post("approve", body); code == 200 {
		c.t.Errorf("the same approval was taken twice: %s", text)
	}
}

func (c *chaos) post(verb string, body any) (int, string) {
	return c.proxy.Post(c.t, "/api/v1/routes/shop/rollout/"+verb, body)
}

// reload brings other steps, gates, pauses, or another version on the backend that is free.
func (c *chaos) reload() {
	c.done["reload"]++
	plans := []string{
		"[10%, 30%, 60%]", "[{gate: first}, 20%, {gate: second}, 50%]", "[10%, {gate: qa, expires: 4s}, 40%]", "[{gate: qa}, 15%, {pause: 1s}, 60%]", "[5%, 10%, 15%, 60%]",
	}
	c.steps = plans[c.random.IntN(len(plans))]
	// After a promotion the other backend is free: what is in service keeps its version.
	if c.random.IntN(2) == 0 {
		c.newest++
		c.versions[c.proxy.Rollout(c.t, "shop").Canary.Backend] = c.newest
	}
	c.proxy.Write(c.t, c.config())
	if code, body := c.proxy.Post(c.t, "/api/v1/reload", map[string]any{"actor": "chaos"}); code != 200 && code != 409 && code != 422 {
		c.t.Errorf("reload = %d %s", code, body)
	}
}

// disk makes the state unwritable, for root too: something stands where the temporary file goes. Weights don't rise then, and an abort
// works at once.
func (c *chaos) disk() {
	c.done["disk"]++
	stone := filepath.Join(c.proxy.StateDir, "shop.json.tmp")
	_ = os.Remove(stone)
	if err := os.MkdirAll(filepath.Join(stone, "in-the-way"), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if c.random.IntN(2) == 0 {
		if code, _ := c.post("abort", map[string]any{"actor": "chaos"}); code == 200 {
			c.noCanary("an abort with a dead disk")
		}
	}
	time.Sleep(time.Duration(c.random.IntN(1000)) * time.Millisecond)
	if c.random.IntN(3) > 0 {
		c.mend()
	}
}

func (c *chaos) mend() { _ = os.RemoveAll(filepath.Join(c.proxy.StateDir, "shop.json.tmp")) }

// fail lets the backend on trial fail: it is off the traffic soon, whatever the disk does.
func (c *chaos) fail() {
	s := c.proxy.Rollout(c.t, "shop")
	if s.Weight == 0 || s.Outcome != "" {
		return
	}
	c.done["failing"]++
	bad := c.canary
	if s.Canary.Backend == "stable" {
		bad = c.stable
	}
	bad.Script(testkit.Failing)
	defer bad.Script(nil)
	testkit.Until(c.t, testkit.Patience, "a failing canary to be off the traffic", func() (bool, any) {
		now := c.proxy.Rollout(c.t, "shop")
		if now.Attempt != s.Attempt || now.Outcome != "" {
			return true, nil
		}
		return now.Weight == 0, testkit.Brief(now)
	})
	if now := c.proxy.Rollout(c.t, "shop"); now.Outcome == rollout.RolledBack {
		c.done["rollback"]++
	}
}
