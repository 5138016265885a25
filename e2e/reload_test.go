package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"sluice/internal/testkit"
)

func TestTwentyReloadsAndABrokenFileUnderLoadLoseNothing(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	with := func(weight int) string {
		return shop(stable.URL, canary.URL, fmt.Sprintf("    weights: {stable: %d%%, canary: %d%%}\n", 100-weight, weight))
	}
	p := testkit.Start(t, with(10))
	load := testkit.StartLoad(t, p.Web, rate(500))
	for i := range 20 {
		p.Write(t, with(20+i))
		if i%2 == 0 {
			p.Signal(t, syscall.SIGHUP)
		} else if r := p.CLI(t, "reload"); r.Code != 0 {
			t.Fatalf("sluice reload: exit %d, %s", r.Code, r.Stderr)
		}
		awaitWeight(t, p, float64(20+i))
	}

	lines := strings.Count(with(39), "\n") + testkit.PreambleLines
	p.Write(t, with(39)+"    weigths: {stable: 100%}\n")
	where := fmt.Sprintf("sluice.yaml:%d:5: ", lines+1)
	r := p.CLI(t, "reload")
	if r.Code != 3 || !strings.Contains(r.Stderr, where) || !strings.Contains(r.Stderr, "weights") {
		t.Errorf("reload of a broken file: exit %d, stderr %q; want 3, %q and the right name", r.Code, r.Stderr, where)
	}
	before := strings.Count(p.Stderr(), where)
	p.Signal(t, syscall.SIGHUP)
	testkit.Until(t, testkit.Patience, "the broken file in the log", func() (bool, any) {
		return strings.Count(p.Stderr(), where) > before, p.Stderr()
	})
	if got := p.Route(t, "shop").Backend("canary").Weight; got != 39 {
		t.Errorf("after a broken file the canary's weight is %v, want 39 as before", got)
	}

	report := load.Stop(t)
	if report.Failed > 0 || report.Sent == 0 {
		t.Errorf("the load saw %d failed of %d, first loss %v; want none:\n%s", report.Failed, report.Sent, report.FirstLoss, report)
	}
	m := p.Metrics(t)
	if got := testkit.Sum(m, "sluice_requests_total", `route="shop"`); got != float64(report.Sent) {
		t.Errorf("sluice_requests_total = %v over 20 reloads, want all %d", got, report.Sent)
	}
	good := testkit.Sum(m, "sluice_config_reloads_total", `result="success"`)
	bad := testkit.Sum(m, "sluice_config_reloads_total", `result="failure"`)
	if good < 20 || bad != 2 {
		t.Errorf("sluice_config_reloads_total counts %v good and %v bad, want 20 and 2", good, bad)
	}
}

func awaitWeight(t *testing.T, p *testkit.Proxy, want float64) {
	t.Helper()
	testkit.Until(t, testkit.Patience, fmt.Sprintf("weight %v", want), func() (bool, any) {
		got := p.Route(t, "shop").Backend("canary").Weight
		return got == want, got
	})
}
