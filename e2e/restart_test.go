package e2e

import (
	"fmt"
	"testing"
	"time"

	"sluice/internal/testkit"
	"sluice/rollout"
)

func TestAfterAKillTheProxyComesBackAtTheCommittedWeightWithNoFreeAdvance(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, `    sticky: {by: header, header: X-User-Id}
    rollout:
      steps: [10%, 30%]
      hold: 2s
      minRequests: 20
      bake: 2s
      blastRadius: 5%
      analysis: {checks: [{metric: error-rate, max: 5%}]}
`))
	load := testkit.StartLoad(t, p.Web, rate(300))
	before := p.AwaitRollout(t, "shop", testkit.Patience, "step 2", func(s rollout.Status) bool { return s.Step == 2 })
	p.Kill()
	load.Stop(t)

	p.Run(t)
	p.AwaitReady(t)
	s := p.Rollout(t, "shop")
	if s.Attempt != before.Attempt || s.Step != 2 || s.Weight != 3000 || s.Phase != rollout.Progressing {
		t.Errorf("after the kill the rollout is %s, want %s", testkit.Brief(s), testkit.Brief(before))
	}
	checkUsers(t, p, 30)
	p.AwaitRollout(t, "shop", testkit.Patience, "a hold that is over, without a further step", func(s rollout.Status) bool {
		if s.Step != 2 || s.Weight != 3000 {
			t.Fatalf("without new requests the rollout went on: %s", testkit.Brief(s))
		}
		return s.Held >= s.HoldNeeded && s.WaitingFor == "requests"
	})
	load = testkit.StartLoad(t, p.Web, rate(300))
	p.AwaitRollout(t, "shop", 30*time.Second, "the promotion", func(s rollout.Status) bool { return s.Outcome == rollout.Promoted })
	if report := load.Stop(t); report.Failed > 0 {
		t.Errorf("%d requests failed after the restart, first loss %v", report.Failed, report.FirstLoss)
	}
}

// checkUsers asks as a few users only: fewer canary requests than the step needs.
func checkUsers(t *testing.T, p *testkit.Proxy, weight float64) {
	t.Helper()
	if got := p.Route(t, "shop").Backend("canary").Weight; got != weight {
		t.Errorf("the API shows weight %v, want %v", got, weight)
	}
	checkShare(t, servedBy(testkit.AskMany(t, p.Web, 30, func(i int) string {
		return testkit.Head("GET", "/", fmt.Sprint("X-User-Id: visitor-", i))
	})), weight)
}
