package analysis_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/analysis"
)

func cpuRules() analysis.SampledRules {
	return analysis.SampledRules{
		Checks: []analysis.SampledCheck{{
			Name: "cpu", Metric: analysis.CPU, Unit: "percent", Max: 80, HasMax: true, Apart: 10, Source: "orca",
		}},
		ConsecutiveFailureLimit: 3,
	}
}

func seen(values ...float64) (all []analysis.Sample) {
	for _, v := range values {
		all = append(all, analysis.Sample{Value: v})
	}
	return all
}

var down = analysis.Sample{Error: "no answer"}

func TestASampledCheckFailsAtTheLimitInARowAndNotBefore(t *testing.T) {
	t.Parallel()
	beside := func(v, stable float64) analysis.Sample {
		return analysis.Sample{Value: v, Stable: stable, HasStable: true}
	}
	off := func(r *analysis.SampledRules) { r.ConsecutiveFailureLimit = 0 }
	two := func(r *analysis.SampledRules) { r.FailureLimit, r.HasFailureLimit = 2, true }
	none := func(r *analysis.SampledRules) { r.FailureLimit, r.HasFailureLimit = 0, true }
	least := func(r *analysis.SampledRules) {
		r.Checks[0] = analysis.SampledCheck{Name: "nps", Metric: "nps", Min: 30, HasMin: true}
	}
	for _, c := range []struct {
		name    string
		change  func(*analysis.SampledRules)
		samples []analysis.Sample
		want    string
		reason  string
	}{
		{"nothing was seen", nil, nil, analysis.Insufficient, analysis.ReasonNoSample},
		{"the limit is inclusive", nil, seen(80), analysis.Pass, ""},
		{"two in a row are not three", nil, seen(81, 99), analysis.Insufficient, analysis.ReasonLimit},
		{"three in a row", nil, seen(81, 99, 81), analysis.Fail, ""},
		{"what was found stays", nil, seen(81, 99, 81, 1, 1, 1), analysis.Fail, ""},
		{"a good one breaks the row", nil, seen(81, 81, 80, 81, 81), analysis.Insufficient, analysis.ReasonLimit},
		{"an error neither fails", nil, []analysis.Sample{down, down, down, down}, analysis.Insufficient, "no value: no answer"},
		{"nor forgives", nil, []analysis.Sample{{Value: 81}, {Value: 81}, down, {Value: 81}}, analysis.Fail, ""},
		{"an error after good ones passes nothing", nil, append(seen(10, 10), down), analysis.Insufficient, "no value: no answer"},
		{"not a number", nil, seen(math.NaN()), analysis.Insufficient, "no value: the value is NaN"},
		{"beyond all numbers", nil, seen(math.Inf(1), math.Inf(1), math.Inf(1)), analysis.Insufficient, "no value: the value is +Inf"},
		{"stable's is not a number", nil, []analysis.Sample{beside(95, math.NaN()), beside(95, math.NaN()), beside(95, math.NaN())}, analysis.Fail, ""},
		{"stable is as bad", nil, []analysis.Sample{beside(95, 90), beside(95, 90), beside(95, 90)}, analysis.Insufficient, analysis.ReasonShared},
		{"stable is better by enough", nil, []analysis.Sample{beside(95, 85), beside(95, 85), beside(95, 85)}, analysis.Fail, ""},
		{"stable alone is bad", nil, []analysis.Sample{beside(20, 99)}, analysis.Pass, ""},
		{"both limits off", off, seen(99, 99, 99, 99, 99), analysis.Insufficient, analysis.ReasonLimit},
		{"more than two in all", two, seen(81, 1, 81, 1, 81), analysis.Fail, ""},
		{"two in all are not more", two, seen(81, 1, 81, 1), analysis.Pass, ""},
		{"none in all", none, seen(81), analysis.Fail, ""},
		{"at least is inclusive", least, seen(30), analysis.Pass, ""},
		{"below at least", least, seen(29, 29, 29), analysis.Fail, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := cpuRules()
			if c.change != nil {
				c.change(&r)
			}
			all := r.Fit(nil)
			for _, x := range c.samples {
				r.Take(0, &all[0], x)
			}
			v := r.Verdict(0, &all[0], len(c.samples) > 0)
			if v.Verdict != c.want || v.Reason != c.reason {
				t.Errorf("Verdict(%v) = %s (%s), want %s (%s)", c.samples, v.Verdict, v.Reason, c.want, c.reason)
			}
			if v.NoValue() != strings.HasPrefix(c.reason, "no value") {
				t.Errorf("NoValue() = %v with the reason %q", v.NoValue(), v.Reason)
			}
		})
	}
}

func TestASampleOfBeforeTheWindowPassesNothing(t *testing.T) {
	t.Parallel()
	r := cpuRules()
	all := r.Fit(nil)
	r.Take(0, &all[0], analysis.Sample{Value: 1})
	if v := r.Verdict(0, &all[0], false); v.Verdict != analysis.Insufficient || v.Reason != analysis.ReasonNoSample {
		t.Errorf("Verdict() = %s (%s), want insufficient (%s)", v.Verdict, v.Reason, analysis.ReasonNoSample)
	}
}

func TestSamplesGoOnOverAReloadOfTheSameCheckAndNotOfAnother(t *testing.T) {
	t.Parallel()
	r := cpuRules()
	all := r.Fit(nil)
	r.Take(0, &all[0], analysis.Sample{Value: 90})
	r.Take(0, &all[0], analysis.Sample{Value: 90})
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var kept []analysis.Samples
	if err := json.Unmarshal(b, &kept); err != nil {
		t.Fatal(err)
	}
	more := cpuRules()
	more.Checks = append([]analysis.SampledCheck{{Name: "memory", Metric: analysis.Memory, Max: 80, HasMax: true}}, more.Checks...)
	if got := more.Fit(kept); got[1].Row != 2 || got[0].Row != 0 {
		t.Errorf("after a reload with one more check the rows are %d and %d, want 0 and 2", got[0].Row, got[1].Row)
	}
	lower := cpuRules()
	lower.ConsecutiveFailureLimit = 2
	if got := lower.Fit(kept); lower.Verdict(0, &got[0], true).Verdict != analysis.Fail {
		t.Error("a limit of failures that was lowered under what has been seen does not fail")
	}
	other := cpuRules()
	other.Checks[0].Max = 95
	if got := other.Fit(kept); got[0].Row != 0 || got[0].Taken != 0 {
		t.Errorf("another limit has the samples of the old one: %+v", got[0])
	}
	if diff := cmp.Diff(kept, r.Fit(kept)); diff != "" {
		t.Errorf("Fit() of the same checks changes the samples:\n%s", diff)
	}
}

// Whatever the samples are: a verdict of fail has its number of failures, and more errors in between never change it.
func TestErrorsBetweenSamplesNeverChangeWhatTheSamplesSay(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 500 {
		r := cpuRules()
		r.ConsecutiveFailureLimit = random.Uint64N(4)
		r.HasFailureLimit, r.FailureLimit = random.IntN(2) == 0, random.Uint64N(4)
		plain, broken := r.Fit(nil), r.Fit(nil)
		for range 12 {
			x := analysis.Sample{Value: 70 + float64(random.IntN(20))}
			for range random.IntN(3) {
				r.Take(0, &broken[0], down)
			}
			r.Take(0, &plain[0], x)
			r.Take(0, &broken[0], x)
			if a, b := r.Verdict(0, &plain[0], true), r.Verdict(0, &broken[0], true); !cmp.Equal(a, b) {
				t.Fatalf("seed %d: %+v with errors in between, %+v without", seed, b, a)
			}
		}
	}
}

func TestWhatASampledCheckSaysIsReadable(t *testing.T) {
	t.Parallel()
	r := cpuRules()
	all := r.Fit(nil)
	for range 3 {
		r.Take(0, &all[0], analysis.Sample{Value: 93.04, Stable: 41, HasStable: true})
	}
	v := r.Verdict(0, &all[0], true)
	if got, want := v.Numbers(), "the canary's cpu was 93% (at most 80%), stable's 41%"; got != want {
		t.Errorf("Numbers() = %q, want %q", got, want)
	}
	if got, want := v.Odds(), "3 samples failed in a row (limit: 3), 3 of 3 in all; a sampled check has no bound on false alarms."; got != want {
		t.Errorf("Odds() = %q, want %q", got, want)
	}
	r.Checks[0] = analysis.SampledCheck{Name: "queue", Metric: "queue-depth", Min: -1.5, HasMin: true}
	all = r.Fit(nil)
	r.Take(0, &all[0], analysis.Sample{Value: -120000})
	v = r.Verdict(0, &all[0], true)
	if got, want := v.Numbers(), "queue-depth was -120000 (at least -1.5)"; got != want {
		t.Errorf("Numbers() = %q, want %q", got, want)
	}
}
