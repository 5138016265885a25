package admin_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/metrics"
	"sluice/rollout"
)

func scrape(t *testing.T, address string) map[string]*dto.MetricFamily {
	t.Helper()
	status, _, body := ask(t, address, "GET", "/metrics", "")
	if status != 200 {
		t.Fatalf("/metrics = %d %s", status, body)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// value is a series' value; labels are name=value. NaN: there is no such series.
func value(families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	for _, m := range families[name].GetMetric() {
		var have []string
		for _, l := range m.GetLabel() {
			have = append(have, l.GetName()+"="+l.GetValue())
		}
		slices.Sort(labels)
		slices.Sort(have)
		if slices.Equal(have, labels) {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return math.NaN()
}

func TestMetricsHaveTheirNamesLabelsAndValues(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	process := new(metrics.Process)
	process.ClientError(metrics.ClientAborted)
	unrouted := metrics.New(metrics.Config{Shards: 1})
	unrouted.Answer(metrics.MethodGet, 404, time.Millisecond, 0)
	address := admintest.Serve(t, proxy, func(c *admin.Config) { c.Process, c.Unrouted = process, unrouted })
	got := scrape(t, address)
	for _, c := range []struct {
		name, labels string
		want         float64
	}{
		{"sluice_requests_total", "route=checkout backend=stable code=200 method=GET", 998},
		{"sluice_requests_total", "route=checkout backend=canary code=503 method=GET", 1},
		{"sluice_requests_total", "route= backend= code=404 method=GET", 1},
		{"sluice_request_duration_seconds", "route=checkout backend=canary", 50},
		{"sluice_backend_requests_in_flight", "route=checkout backend=stable", 3},
		{"sluice_backend_endpoint_up", "route=checkout backend=stable endpoint=http://10.0.0.11:8080", 1},
		{"sluice_backend_weight_ratio", "route=checkout backend=canary", 0.05},
		{"sluice_backend_weight_ratio", "route=plain backend=web", 1},
		{"sluice_backend_traffic_ratio", "route=plain backend=web", math.NaN()},
		{"sluice_selections_total", "route=checkout backend=stable reason=sticky", 1000},
		{"sluice_retries_total", "route=checkout backend=stable reason=stale", 0},
		{"sluice_upstream_errors_total", "route=checkout backend=canary kind=connect", 0},
		{"sluice_client_errors_total", "kind=aborted", 1},
		{"sluice_rollout_phase", "route=checkout phase=Progressing", 1},
		{"sluice_rollout_phase", "route=checkout phase=Idle", 0},
		{"sluice_rollout_phase", "route=search phase=Idle", math.NaN()},
		{"sluice_rollout_step", "route=checkout", 1},
		{"sluice_rollout_info", "route=checkout attempt=01JQ stable_version=1.41.0 canary_version=1.42.0", 1},
		{"sluice_rollout_paused", "route=checkout reason=User", 0},
		{"sluice_rollout_waiting", "route=checkout for=hold", 1},
		{"sluice_rollout_waiting", "route=checkout for=gate", 0},
		{"sluice_rollouts_total", "route=checkout outcome=Promoted", 0},
		{"sluice_check_verdict", "route=checkout check=error-rate", 1},
		{"sluice_check_value", "route=checkout check=error-rate backend=canary", 0.13},
		{"sluice_check_value", "route=checkout check=error-rate backend=stable", 0.1},
		{"sluice_check_limit", "route=checkout check=error-rate backend=canary", 5},
		{"sluice_config_reloads_total", "result=success", 2},
		{"sluice_config_reloads_total", "result=failure", 1},
		{"sluice_config_last_reload_success_timestamp_seconds", "", float64(admintest.At.Unix())},
		{"sluice_build_info", "version=v1.2.3 revision=abc goversion=go1.26", 1},
	} {
		v := value(got, c.name, strings.Fields(c.labels)...)
		if v != c.want && !(math.IsNaN(v) && math.IsNaN(c.want)) {
			t.Errorf("%s{%s} = %v, want %v", c.name, c.labels, v, c.want)
		}
	}
	for _, name := range []string{"go_goroutines", "process_open_fds", "sluice_request_panics_total", "sluice_rollout_duration_seconds"} {
		if got[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	for _, m := range got["sluice_selections_total"].GetMetric() {
		for _, l := range m.GetLabel() {
			if strings.Contains(l.GetValue(), "(") {
				t.Errorf("a series for %s=%q, which is no reason", l.GetName(), l.GetValue())
			}
		}
	}
}

func TestDurationsFallIntoTheirBuckets(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	h := scrape(t, admintest.Serve(t, proxy, nil))["sluice_request_duration_seconds"]
	for _, m := range h.GetMetric() {
		if m.GetHistogram().GetSampleCount() != 1000 {
			continue
		}
		for _, b := range m.GetHistogram().GetBucket() {
			want := uint64(0)
			if b.GetUpperBound() > 0.020 {
				want = 1000
			}
			if b.GetCumulativeCount() != want {
				t.Errorf("le=%v counts %d, want %d", b.GetUpperBound(), b.GetCumulativeCount(), want)
			}
		}
		if sum := m.GetHistogram().GetSampleSum(); math.Abs(sum-20) > 0.4 {
			t.Errorf("sum of 1000 × 20 ms = %v s", sum)
		}
		return
	}
	t.Error("no histogram of 1000 requests")
}

func TestDecisionsAreCountedOnceEach(t *testing.T) {
	t.Parallel()
	proxy, controller := admintest.New()
	address := admintest.Serve(t, proxy, nil)
	counts := func() [2]float64 {
		got := scrape(t, address)
		return [2]float64{
			value(got, "sluice_rollout_transitions_total", "route=checkout", "from=Progressing", "to=RollingBack", "reason=error-rate"),
			value(got, "sluice_rollouts_total", "route=checkout", "outcome=RolledBack"),
		}
	}
	if got := counts(); !math.IsNaN(got[0]) || got[1] != 0 {
		t.Errorf("what was decided before the start is counted: %v", got)
	}
	later := time.Now().Add(time.Hour)
	decide := func(from, to rollout.Phase) {
		controller.Set(func(c *admintest.Controller) {
			later = later.Add(time.Second)
			d := rollout.Decision{At: later, Attempt: "01JQ", Action: "rollback", From: from, To: to, Reason: "error-rate"}
			c.Journal = append([]rollout.Decision{d}, c.Journal...)
		})
	}
	decide(rollout.Progressing, rollout.RollingBack)
	decide(rollout.RollingBack, rollout.Failed)
	for range 2 {
		if diff := cmp.Diff([2]float64{1, 1}, counts()); diff != "" {
			t.Errorf("after one rollback (-want +got):\n%s", diff)
		}
	}
	decide(rollout.Failed, rollout.Progressing)
	decide(rollout.Progressing, rollout.RollingBack)
	if diff := cmp.Diff([2]float64{2, 1}, counts()); diff != "" {
		t.Errorf("in the second rollback (-want +got):\n%s", diff)
	}
}

func TestAFastPromotionIsCountedAsOne(t *testing.T) {
	t.Parallel()
	proxy, controller := admintest.New()
	address := admintest.Serve(t, proxy, nil)
	controller.Set(func(c *admintest.Controller) {
		c.State.Phase, c.State.Outcome = rollout.Succeeded, rollout.FastPromoted
		d := rollout.Decision{At: time.Now().Add(time.Hour), Attempt: "01JQ", Action: "promote", From: rollout.Baking, To: rollout.Succeeded}
		c.Journal = append([]rollout.Decision{d}, c.Journal...)
	})
	if v := value(scrape(t, address), "sluice_rollouts_total", "route=checkout", "outcome=FastPromoted"); v != 1 {
		t.Errorf("fast promotions = %v, want 1", v)
	}
}
