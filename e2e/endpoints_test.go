package e2e

import (
	"fmt"
	"testing"

	"sluice/internal/testkit"
)

func TestTwoOfThreeEndpointsMayDieUnderLoadAndNoRequestFails(t *testing.T) {
	t.Parallel()
	// Patience with the endpoint that lives: on a busy machine it is slow, and that is not what is looked at.
	const patient = ", timeouts: {connect: 20s}}}, retry: {attempts: 2, budget: 100%%, perTryTimeout: 20s"
	for name, c := range map[string]struct {
		keys       string
		balancings []string
	}{
		"found out by requests":      {", loadBalancing: %s" + patient, []string{"leastRequest", "roundRobin", "random", "consistentHash"}},
		"found out by health checks": {", loadBalancing: %s, healthCheck: {path: /, interval: 200ms, timeout: 20s, unhealthyAfter: 1}" + patient, []string{"leastRequest"}},
	} {
		for _, balancing := range c.balancings {
			t.Run(name+" "+balancing, func(t *testing.T) {
				t.Parallel()
				var origins []*testkit.Origin
				for i := range 3 {
					origins = append(origins, testkit.NewOrigin(t, fmt.Sprint("endpoint", i), nil))
				}
				p := testkit.Start(t, fmt.Sprintf("routes:\n  - {name: shop, sticky: {by: header, header: %s}, backends: {stable: {endpoints: [%q, %q, %q]"+c.keys+"}}\n",
					testkit.UserHeader, origins[0].URL, origins[1].URL, origins[2].URL, balancing))
				load := testkit.StartLoad(t, p.Web, rate(60))
				served := func(n int64, by ...*testkit.Origin) {
					t.Helper()
					for _, o := range by {
						before := o.Count()
						testkit.Until(t, testkit.Patience, "more requests at an endpoint", func() (bool, any) { return o.Count() >= before+n, o.Count() })
					}
				}
				served(20, origins...)
				origins[0].Stop()
				served(50, origins[1], origins[2])
				origins[1].Stop()
				served(100, origins[2])
				report := load.Stop(t)
				if report.Failed > 0 || report.Lost > 0 {
					t.Errorf("%d of %d requests failed, %d without an answer (%v); want none", report.Failed, report.Sent, report.Lost, report.FirstLoss)
				}
				// A check may be there before the first request is; then there was nothing to try again.
				if n := testkit.Sum(p.Metrics(t), "sluice_retries_total"); n == 0 && name == "found out by requests" {
					t.Error("nothing was tried again: the test has shown nothing")
				}
			})
		}
	}
}
