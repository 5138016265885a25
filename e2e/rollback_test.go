package e2e

import (
	"io"
	"slices"
	"testing"
	"time"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// trialRollout holds at its first step for longer than a test.
const trialRollout = `    sticky: {by: header, header: X-User-Id}
    rollout:
      steps: [25%, 50%]
      hold: 10m
      analysis:
        checks:
          - {metric: error-rate, max: 5%}
          - {metric: latency, quantile: p95, max: 250ms}
`

// trial is a proxy under load whose canary has answered some requests well.
func trial(t *testing.T) (*testkit.Proxy, *testkit.Origin, *testkit.Load) {
	t.Helper()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, trialRollout))
	load := testkit.StartLoad(t, p.Web, rate(200))
	testkit.Until(t, testkit.Patience, "a canary that answers", func() (bool, any) { return canary.Count() > 60, canary.Count() })
	return p, canary, load
}

func TestADeadCanaryIsOffTheTrafficWithinThreeSeconds(t *testing.T) {
	t.Parallel()
	p, canary, load := trial(t)
	canary.Stop()
	died := time.Now()
	end := p.AwaitRollout(t, "shop", testkit.Patience, "weight 0", func(s rollout.Status) bool { return s.Weight == 0 })
	if took := time.Since(died); took > 3*time.Second {
		t.Errorf("the dead canary had traffic for %v, want at most 3 s", took)
	}
	checkRolledBack(t, p, end, "unreachable", "abort-on", "error-rate")
	report := load.Stop(t)
	if last := load.LastFailure(); last.After(died.Add(3 * time.Second)) {
		t.Errorf("a request that was due %v after the canary's death failed", last.Sub(died))
	}
	if report.Lost > 0 {
		t.Errorf("%d requests had no answer, first %v; want 502", report.Lost, report.FirstLoss)
	}
}

func TestACanaryThatFailsIsRolledBack(t *testing.T) {
	t.Parallel()
	p, canary, _ := trial(t)
	canary.Script(testkit.Failing)
	end := p.AwaitRollout(t, "shop", testkit.Patience, "weight 0", func(s rollout.Status) bool { return s.Weight == 0 })
	checkRolledBack(t, p, end, "abort-on", "error-rate")
}

func TestACanaryThatIsSlowIsRolledBack(t *testing.T) {
	t.Parallel()
	p, canary, load := trial(t)
	canary.Script(testkit.Late(600 * time.Millisecond))
	end := p.AwaitRollout(t, "shop", testkit.Patience, "weight 0", func(s rollout.Status) bool { return s.Weight == 0 })
	// What has not ended when its block is judged has failed, so either check may be the first.
	checkRolledBack(t, p, end, "latency-p95", "error-rate")
	if report := load.Stop(t); report.Failed > 0 {
		t.Errorf("%d requests failed in a rollback for slowness, first loss %v; want none", report.Failed, report.FirstLoss)
	}
}

// checkRolledBack looks at a rollback from its first moment until all traffic is on stable.
func checkRolledBack(t *testing.T, p *testkit.Proxy, s rollout.Status, reasons ...string) {
	t.Helper()
	if s.Outcome != rollout.RolledBack || !slices.Contains(reasons, s.Reason) {
		t.Errorf("the rollout is %s, want RolledBack for one of %v", testkit.Brief(s), reasons)
	}
	if s.LastDecision == nil || s.LastDecision.Sentence == "" || s.LastDecision.WeightTo != 0 {
		t.Errorf("the last decision is %+v, want the rollback with its sentence", s.LastDecision)
	}
	p.AwaitRollout(t, "shop", testkit.Patience, "phase Failed", func(s rollout.Status) bool { return s.Phase == rollout.Failed })
	if got := p.Route(t, "shop").Backend("canary").Weight; got != 0 {
		t.Errorf("the canary's weight is %v after the rollback, want 0", got)
	}
	if a := testkit.Ask(t, p.Web, "GET", "/", "X-User-Id: someone"); a.ServedBy() != "stable" {
		t.Errorf("after the rollback a request is served by %q, want stable", a.ServedBy())
	}
}

func TestARollbackEndsTheCanarysTunnelsWhenDrainingIsOver(t *testing.T) {
	t.Parallel()
	echo := func(greeting string) string {
		return testkit.NewRawOrigin(t, func(c *testkit.RawConn) {
			if _, err := c.Request(); err == nil {
				c.Say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n" + greeting)
				_, _ = io.Copy(c, c.In)
			}
		})
	}
	p := testkit.Start(t, shop(echo("s"), echo("c"), `    rollout:
      steps: [50%, 100%]
      hold: 10m
      bakeStable: 0%
      rollback: {drain: finish, drainTimeout: 1s}
      analysis: {checks: [{metric: error-rate, max: 5%}]}
`))
	p.AwaitRollout(t, "shop", testkit.Patience, "the first step", func(s rollout.Status) bool { return s.Weight == 5000 })
	tunnels := map[byte]*testkit.Client{}
	for range 100 {
		c := testkit.Dial(t, p.Web)
		c.Send(t, testkit.Head("GET", "/", "Connection: Upgrade", "Upgrade: echo"))
		for line := ""; line != "\r\n"; {
			var err error
			if line, err = c.In.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		side, err := c.In.ReadByte()
		if err != nil {
			t.Fatal(err)
		}
		if tunnels[side] = c; len(tunnels) == 2 {
			break
		}
	}
	if got := p.CLI(t, "abort", "shop"); got.Code != 0 {
		t.Fatalf("abort: %+v", got)
	}
	p.AwaitRollout(t, "shop", testkit.Patience, "the end of draining", func(s rollout.Status) bool { return s.Phase == rollout.Aborted })
	if _, err := tunnels['c'].In.ReadByte(); err == nil {
		t.Error("the canary's tunnel lives on, want it reset")
	}
	tunnels['s'].Send(t, "x")
	if b, err := tunnels['s'].In.ReadByte(); b != 'x' || err != nil {
		t.Errorf("stable's tunnel gave %q, %v; want it to go on", b, err)
	}
}
