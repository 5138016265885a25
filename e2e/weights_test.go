package e2e

import (
	"fmt"
	"testing"

	"sluice/internal/testkit"
)

func TestTwentyThousandRequestsAreSplitAsTheWeightsSay(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	weights := []float64{5, 0.5, 33.33}
	body := "routes:\n"
	for i, w := range weights {
		body += fmt.Sprintf("  - name: split-%d\n    match: [{host: split-%d.test}]\n", i, i) + backends(stable.URL, canary.URL) +
			fmt.Sprintf("    weights: {stable: %v%%, canary: %v%%}\n", 100-w, w)
	}
	p := testkit.Start(t, body)
	for i, w := range weights {
		t.Run(fmt.Sprintf("%v %%", w), func(t *testing.T) {
			const n = 20_000
			head := testkit.Head("GET", "/", fmt.Sprintf("Host: split-%d.test", i))
			got := 0
			for _, a := range testkit.AskMany(t, p.Web, n, func(int) string { return head }) {
				if a.ServedBy() == "canary" {
					got++
				}
			}
			if ok, want := within(got, n, w/100); !ok {
				t.Errorf("%d of %d requests on the canary at %v %%, want %s", got, n, w, want)
			}
			if got := p.Route(t, fmt.Sprintf("split-%d", i)).Backend("canary").Weight; got != w {
				t.Errorf("the API shows %v %% for the canary, want %v", got, w)
			}
		})
	}
}
