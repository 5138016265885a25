package e2e

import (
	"fmt"
	"math"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

func TestTheMetricsHaveTheirNamesLabelsAndValues(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, trialRollout))
	p.AwaitRollout(t, "shop", testkit.Patience, "the first look", func(s rollout.Status) bool { return s.Step == 1 && len(s.Checks) > 0 })
	const n = 400
	testkit.AskMany(t, p.Web, n, func(i int) string { return testkit.Head("GET", "/", fmt.Sprint("X-User-Id: u", i)) })
	testkit.Ask(t, p.Web, "BREW", "/")
	m := p.Metrics(t)
	testkit.Until(t, testkit.Patience, "the requests to be in a whole block", func() (bool, any) {
		m = p.Metrics(t)
		return len(m["sluice_backend_traffic_ratio"]) > 0, nil
	})
	for _, name := range []string{
		"sluice_requests_total", "sluice_request_duration_seconds_bucket", "sluice_request_duration_seconds_sum",
		"sluice_request_duration_seconds_count",
		"sluice_backend_requests_in_flight", "sluice_backend_endpoint_up", "sluice_backend_weight_ratio", "sluice_backend_traffic_ratio",
		"sluice_selections_total", "sluice_retries_total", "sluice_upstream_errors_total", "sluice_client_errors_total",
		"sluice_rollout_phase", "sluice_rollout_step", "sluice_rollout_info", "sluice_rollout_transitions_total", "sluice_rollouts_total",
		"sluice_rollout_paused", "sluice_rollout_waiting", "sluice_check_verdict", "sluice_check_value", "sluice_check_limit",
		"sluice_config_reloads_total", "sluice_config_last_reload_success_timestamp_seconds", "sluice_build_info",
	} {
		if len(m[name]) == 0 {
			t.Errorf("/metrics has no %s", name)
		}
	}
	for _, c := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"sluice_requests_total", []string{`route="shop"`, `code="200"`, `method="GET"`}, n},
		{"sluice_requests_total", []string{`route="shop"`, `code="200"`, `method="other"`}, 1},
		{"sluice_requests_total", []string{`backend="canary"`}, float64(canary.Count())},
		{"sluice_request_duration_seconds_count", []string{`route="shop"`, `backend="stable"`}, float64(stable.Count())},
		{"sluice_backend_weight_ratio", []string{`backend="canary"`}, 0.25},
		{"sluice_backend_endpoint_up", []string{`backend="stable"`}, 1},
		{"sluice_selections_total", []string{`route="shop"`, `reason="sticky"`}, n},
		{"sluice_selections_total", []string{`route="shop"`, `reason="weight"`}, 1},
		{"sluice_rollout_phase", []string{`route="shop"`, `phase="Progressing"`}, 1},
		{"sluice_rollout_phase", []string{`route="shop"`, `phase="Idle"`}, 0},
		{"sluice_rollout_step", []string{`route="shop"`}, 1},
		{"sluice_rollout_info", []string{`stable_version="1"`, `canary_version="2"`}, 1},
	} {
		if got := testkit.Sum(m, c.name, c.labels...); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s%v = %v, want %v", c.name, c.labels, got, c.want)
		}
	}
}
