package admin_test

import (
	"math"
	"strings"
	"testing"

	"sluice/admin/admintest"
	"sluice/metrics"
	"sluice/rollout"
)

func TestASampledCheckHasNoEvidenceAndNoValueBeforeItHasOne(t *testing.T) {
	t.Parallel()
	proxy, control := admintest.New()
	control.Set(func(c *admintest.Controller) {
		s := admintest.Progressing()
		s.Checks = []rollout.Verdict{
			{Name: "cpu", Metric: "cpu", Unit: "percent", Verdict: "fail", Sampled: true, Value: 93, StableValue: 41, StableSamples: 5, Limit: 80, Samples: 5, Bad: 3, Row: 3},
			{Name: "queue", Metric: "queue", Verdict: "insufficient", Reason: "no sample yet", Sampled: true, Limit: 0},
			{Name: "nps", Metric: "nps", Verdict: "insufficient", Reason: "no value: no answer within 5s", Sampled: true, Value: 30, Limit: 20, Samples: 4},
		}
		c.State = s
	})
	proxy.List[0].Backends[0].Meter.SetUse(metrics.CPU, 0.41, true)
	got := scrape(t, admintest.Serve(t, proxy, nil))
	stable := proxy.List[0].Backends[0].Name
	for _, c := range []struct {
		name, labels string
		want         float64
	}{
		{"sluice_check_verdict", "route=checkout check=cpu", -1},
		{"sluice_check_value", "route=checkout check=cpu backend=canary", 93},
		{"sluice_check_value", "route=checkout check=cpu backend=stable", 41},
		{"sluice_check_limit", "route=checkout check=cpu backend=canary", 80},
		{"sluice_check_bad_samples", "route=checkout check=cpu backend=canary", 3},
		{"sluice_check_evidence", "route=checkout check=cpu backend=canary", math.NaN()},
		{"sluice_check_limit", "route=checkout check=queue backend=canary", 0},
		{"sluice_check_value", "route=checkout check=queue backend=canary", math.NaN()},
		{"sluice_check_value", "route=checkout check=nps backend=canary", math.NaN()},
		{"sluice_check_verdict", "route=checkout check=nps", 0},
		{"sluice_backend_cpu_ratio", "route=checkout backend=" + stable, 0.41},
		{"sluice_backend_memory_ratio", "route=checkout backend=" + stable, math.NaN()},
	} {
		v := value(got, c.name, strings.Fields(c.labels)...)
		if v != c.want && !(math.IsNaN(v) && math.IsNaN(c.want)) {
			t.Errorf("%s{%s} = %v, want %v", c.name, c.labels, v, c.want)
		}
	}
}
