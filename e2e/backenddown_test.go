package e2e

import (
	"fmt"
	"testing"

	"sluice/internal/testkit"
)

func TestABackendThatRefusesIsA502AndCounted(t *testing.T) {
	t.Parallel()
	stable := testkit.NewOrigin(t, "stable", nil)
	p := testkit.Start(t, shop(stable.URL, "http://"+testkit.FreeAddress(t), "    weights: {stable: 50%, canary: 50%}\n"))
	const n = 200
	failed := 0
	for _, a := range testkit.AskMany(t, p.Web, n, func(int) string { return testkit.Head("GET", "/") }) {
		switch {
		case a.Status == 502 && a.ServedBy() == "":
			failed++
		case a.Status != 200:
			t.Fatalf("an answer is %d by %q, want 200 or 502", a.Status, a.ServedBy())
		}
	}
	if ok, want := within(failed, n, 0.5); !ok {
		t.Errorf("%d of %d requests got 502, want %s", failed, n, want)
	}
	m := p.Metrics(t)
	if got := testkit.Sum(m, "sluice_upstream_errors_total", `backend="canary"`, `kind="connect"`); got != float64(failed) {
		t.Errorf("sluice_upstream_errors_total of kind connect = %v, want %d", got, failed)
	}
	if b := p.Route(t, "shop").Backend("canary"); b.Requests != uint64(failed) || b.Errors != uint64(failed) || b.ErrorRate != 100 {
		t.Errorf("the API counts %d requests, %d errors, %v %%; want %d, all failed", b.Requests, b.Errors, b.ErrorRate, failed)
	}
}

func TestABackendThatIsSilentIsA502WithinItsConnectTimeout(t *testing.T) {
	t.Parallel()
	p := testkit.Start(t, fmt.Sprintf(`routes:
  - name: shop
    backends: {stable: {endpoints: [%q], timeouts: {connect: 200ms}}}
`, "http://"+testkit.Silent(t)))
	if a := testkit.Ask(t, p.Web, "GET", "/"); a.Status != 502 {
		t.Errorf("a backend that does not accept gives %d, want 502", a.Status)
	}
	if got := testkit.Sum(p.Metrics(t), "sluice_upstream_errors_total", `backend="stable"`); got != 1 {
		t.Errorf("sluice_upstream_errors_total = %v, want 1", got)
	}
}

func TestTheFallbackAnswersForABackendThatIsUnavailable(t *testing.T) {
	t.Parallel()
	stable := testkit.NewOrigin(t, "stable", nil)
	const check = ", healthCheck: {path: /healthz, interval: 100ms, timeout: 1s, unhealthyAfter: 1, healthyAfter: 1}"
	p := testkit.Start(t, fmt.Sprintf(`routes:
  - name: shop
    backends:
      stable: {endpoints: [%q], version: "1"%s}
      canary: {endpoints: [%q], version: "2"%s}
    weights: {stable: 50%%, canary: 50%%}
`, stable.URL, check, "http://"+testkit.FreeAddress(t), check))
	testkit.Until(t, testkit.Patience, "an unhealthy canary", func() (bool, any) {
		endpoints := p.Route(t, "shop").Backend("canary").Endpoints
		return len(endpoints) == 1 && !endpoints[0].Healthy, endpoints
	})
	for _, a := range testkit.AskMany(t, p.Web, 100, func(int) string { return testkit.Head("GET", "/") }) {
		if a.ServedBy() != "stable" {
			t.Fatalf("an answer is %d by %q, want stable's", a.Status, a.ServedBy())
		}
	}
	if got := testkit.Sum(p.Metrics(t), "sluice_selections_total", `backend="stable"`, `reason="fallback"`); got < 20 {
		t.Errorf("sluice_selections_total of reason fallback = %v, want about half of 100", got)
	}
	stable.Stop()
	testkit.Until(t, testkit.Patience, "503 when no backend is left", func() (bool, any) {
		a := testkit.Ask(t, p.Web, "GET", "/")
		return a.Status == 503, a.Status
	})
}
