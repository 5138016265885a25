package e2e

import (
	"fmt"
	"math"
	"os"
	"testing"

	"sluice/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// pair is two healthy origins.
func pair(t *testing.T) (stable, canary *testkit.Origin) {
	t.Helper()
	return testkit.NewOrigin(t, "stable", nil), testkit.NewOrigin(t, "canary", nil)
}

// backends is the `backends` of a route, in the place where a route's keys stand.
func backends(stable, canary string) string {
	return fmt.Sprintf(`    backends:
      stable: {endpoints: [%q], version: "1"}
      canary: {endpoints: [%q], version: "2"}
`, stable, canary)
}

// shop is a configuration with one route, "shop", and more of its keys, each line indented by four.
func shop(stable, canary, more string) string {
	return "routes:\n  - name: shop\n" + backends(stable, canary) + more
}

// within reports whether n of total is a share of p to four standard deviations, and says what would be.
func within(n, total int, p float64) (bool, string) {
	want, sd := p*float64(total), math.Sqrt(float64(total)*p*(1-p))
	return math.Abs(float64(n)-want) <= 4*sd, fmt.Sprintf("%.0f ± %.0f", want, 4*sd)
}

// rate is a load in requests a second, less under the race detector.
func rate(full float64) float64 {
	if testkit.Race {
		return full / 4
	}
	return full
}
