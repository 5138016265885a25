package e2e

import (
	"io"
	"net/http"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// One service, two backends with the same endpoints: the version is a flag, and Sluice-Backend tells the service which one is asked for.
func TestACanaryThatIsAFlagOfOneServiceIsJudgedLikeAnyOther(t *testing.T) {
	t.Parallel()
	service := testkit.NewOrigin(t, "stable", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Sluice-Backend") == "canary" {
			testkit.Failing(w, r)
			return
		}
		_, _ = io.WriteString(w, "as ever")
	})
	p := testkit.Start(t, shop(service.URL, service.URL, trialRollout))
	load := testkit.StartLoad(t, p.Web, rate(200))
	end := p.AwaitRollout(t, "shop", testkit.Patience, "weight 0", func(s rollout.Status) bool { return s.Outcome != "" })
	checkRolledBack(t, p, end, "abort-on", "error-rate")
	if r := load.Stop(t); r.Sent == 0 {
		t.Error("there was no load")
	}
	for range 20 {
		if a := testkit.Ask(t, p.Web, "GET", "/"); a.Status != 200 {
			t.Fatalf("after the rollback: %d, want 200 of the version without the flag", a.Status)
		}
	}
}
