package e2e

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/internal/testkit"
	"sluice/rollout"
)

const quickRollout = `    rollout:
      steps: [5%, 25%, 50%]
      hold: 2s
      minRequests: 20
      bake: 2s
      bakeStable: 5%
      blastRadius: 4%
      analysis:
        checks:
          - {metric: error-rate, max: 5%}
          - {metric: latency, quantile: p95, max: 2s}
`

func TestAHealthyCanaryIsPromotedWithNoFailedRequest(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, "    sticky: {by: header, header: X-User-Id}\n"+quickRollout))
	load := testkit.StartLoad(t, p.Web, rate(800))
	end := p.AwaitRollout(t, "shop", 60*time.Second, "the promotion", func(s rollout.Status) bool { return s.Outcome != "" })
	if end.Phase != rollout.Succeeded || end.Outcome != rollout.Promoted || end.Weight != rollout.Full {
		t.Errorf("the rollout ended as %s, want Succeeded, Promoted, 100%%", testkit.Brief(end))
	}
	served := canary.Count()
	testkit.Until(t, testkit.Patience, "traffic on the promoted canary", func() (bool, any) {
		return canary.Count() > served+100, canary.Count()
	})
	report := load.Stop(t)
	if report.Failed > 0 || report.Of("canary").Sent == 0 || report.Of("stable").Sent == 0 {
		t.Errorf("the load saw %d failed, first loss %v, want none, and both backends:\n%s", report.Failed, report.FirstLoss, report)
	}
	checkStory(t, p.Decisions(t, "shop"))
}

// checkStory looks at the decisions of a whole, healthy rollout.
func checkStory(t *testing.T, newestFirst []rollout.Decision) {
	t.Helper()
	var weights []float64
	var last time.Time
	for i := len(newestFirst) - 1; i >= 0; i-- {
		d := newestFirst[i]
		if d.Sentence == "" || d.Actor == "" || d.At.Before(last) {
			t.Errorf("decision %+v: want a sentence, an actor, and a time after %v", d, last)
		}
		if d.WeightTo != d.WeightFrom {
			weights = append(weights, d.WeightTo.Percent())
		}
		last = d.At
	}
	if diff := cmp.Diff([]float64{5, 25, 50, 95, 100}, weights); diff != "" {
		t.Errorf("the decisions' weights differ (-want +got):\n%s", diff)
	}
}
