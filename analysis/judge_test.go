package analysis_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/analysis"
	"sluice/metrics"
)

var (
	errorRate = analysis.Check{Name: "error-rate", Metric: analysis.ErrorRate, Max: 5, HasMax: true}
	p95       = analysis.Check{Name: "latency-p95", Metric: analysis.Latency, Quantile: 0.95, QuantileName: "p95", Max: 100, HasMax: true}
	unlimited = analysis.Check{Name: "latency", Metric: analysis.Latency}
	mean      = analysis.Check{Name: "latency", Metric: analysis.Latency, Max: 100, HasMax: true}
)

// counted is a sample of so many drawn requests; latencies are in milliseconds.
func counted(requests, errors, unfinished uint64, latencies ...int) analysis.Sample {
	var s analysis.Sample
	s.Counts[metrics.Drawn] = metrics.Counts{Requests: requests, Errors: errors, Unfinished: unfinished}
	for _, ms := range latencies {
		s.Latency[metrics.Drawn].Record(time.Duration(ms)*time.Millisecond, 1)
	}
	return s
}

// timed is a sample of so many requests of 10 ms and so many of 200 ms, and of unfinished ones beyond the limit.
func timed(fast, slow, pending uint64) analysis.Sample {
	s := counted(fast+slow+pending, 0, pending)
	s.Latency[metrics.Drawn].Record(10*time.Millisecond, fast)
	s.Latency[metrics.Drawn].Record(200*time.Millisecond, slow)
	s.Slow = []uint64{pending}
	return s
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	pinned := analysis.Sample{}
	pinned.Counts[metrics.Pinned] = metrics.Counts{Requests: 20, Errors: 2}
	other := analysis.Sample{}
	other.Counts[metrics.Other] = metrics.Counts{Requests: 2000, Errors: 2000}
	tests := []struct {
		name         string
		check        analysis.Check
		recent, step analysis.Sample
		want         string
	}{
		{"no request is no evidence", errorRate, counted(0, 0, 0), counted(0, 0, 0), analysis.Insufficient},
		{"19 recent requests can't fail", errorRate, counted(19, 19, 0), counted(19, 19, 0), analysis.Insufficient},
		{"20 recent requests can", errorRate, counted(20, 2, 0), counted(20, 2, 0), analysis.Fail},
		{"the limit itself is good", errorRate, counted(20, 1, 0), counted(100, 5, 0), analysis.Pass},
		{"the step fails where the last seconds are quiet", errorRate, counted(3, 0, 0), counted(100, 6, 0), analysis.Fail},
		{"fewer than minRequests pass nothing", errorRate, counted(99, 0, 0), counted(99, 0, 0), analysis.Insufficient},
		{"minRequests pass", errorRate, counted(10, 0, 0), counted(100, 0, 0), analysis.Pass},
		{"fast failures among slow successes do not fail", errorRate, counted(1000, 9, 991), counted(1000, 9, 991), analysis.Insufficient},
		{"what has not ended does not pass", errorRate, counted(100, 0, 1), counted(100, 0, 1), analysis.Insufficient},
		{"pinned users count", errorRate, pinned, pinned, analysis.Fail},
		{"overrides do not", errorRate, other, other, analysis.Insufficient},
		{"5 % slow requests are within a p95", p95, timed(95, 5, 0), timed(95, 5, 0), analysis.Pass},
		{"6 % are not", p95, timed(94, 6, 0), timed(94, 6, 0), analysis.Fail},
		{"2 of 20 recent ones are not", p95, timed(18, 2, 0), timed(18, 2, 0), analysis.Fail},
		{"an unfinished request beyond the limit is slow", p95, timed(18, 0, 2), timed(18, 0, 2), analysis.Fail},
		{"a canary that only hangs fails", p95, timed(0, 0, 20), timed(0, 0, 20), analysis.Fail},
		{"a mean above the limit fails", mean, counted(20, 0, 0), analysis.Sample{}, analysis.Insufficient},
		{"a mean above the limit fails with its numbers", mean, timed(9, 11, 0), timed(9, 11, 0), analysis.Fail},
		{"a mean under it passes", mean, timed(90, 10, 0), timed(90, 10, 0), analysis.Pass},
		{"a check without a limit passes when there are enough", unlimited, timed(0, 100, 0), timed(0, 100, 0), analysis.Pass},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := analysis.Evidence{Canary: analysis.Arm{Recent: test.recent, Step: test.step}, MinRequests: 100}
			if got := analysis.Judge([]analysis.Check{test.check}, &e)[0]; got.Verdict != test.want {
				t.Errorf("Judge = %+v, want %s", got, test.want)
			}
		})
	}
}

func TestAVerdictShowsTheNumbersOfTheWindowThatDecided(t *testing.T) {
	t.Parallel()
	e := analysis.Evidence{
		Canary:      analysis.Arm{Recent: counted(40, 10, 0), Step: counted(1000, 11, 0)},
		Stable:      analysis.Arm{Recent: counted(400, 4, 0), Step: counted(10000, 5, 0)},
		MinRequests: 100,
	}
	want := []analysis.Verdict{{
		Name: "error-rate", Metric: "error-rate", Unit: "percent", Verdict: "fail", Value: 25, StableValue: 1, Limit: 5,
		Samples: 40, StableSamples: 400, Bad: 10, StableBad: 4,
	}}
	if diff := cmp.Diff(want, analysis.Judge([]analysis.Check{errorRate}, &e)); diff != "" {
		t.Errorf("Judge: %s", diff)
	}
}

func TestALatencyAtItsLimitPassesWhateverTheBuckets(t *testing.T) {
	t.Parallel()
	for limit := 1; limit < 3000; limit += 7 {
		check := p95
		check.Max = float64(limit)
		s := counted(100, 0, 0)
		s.Latency[metrics.Drawn].Record(time.Duration(limit)*time.Millisecond, 100)
		e := analysis.Evidence{Canary: analysis.Arm{Step: s}, MinRequests: 100}
		if got := analysis.Judge([]analysis.Check{check}, &e)[0]; got.Verdict != analysis.Pass || got.Value > got.Limit {
			t.Errorf("Judge = %+v, want a pass", got)
		}
	}
}

func TestTheCircuitBreakerOpensForACanaryThatIsPlainlyWorse(t *testing.T) {
	t.Parallel()
	on := analysis.AbortOn{ErrorRate: 50, MinRequests: 20, Window: 2 * time.Second}
	tests := []struct {
		name           string
		canary, stable metrics.Counts
		want           bool
	}{
		{"half of 20 fail", metrics.Counts{Requests: 20, Errors: 10}, metrics.Counts{Requests: 100}, true},
		{"of 19", metrics.Counts{Requests: 19, Errors: 19}, metrics.Counts{Requests: 100}, false},
		{"less than half", metrics.Counts{Requests: 21, Errors: 10}, metrics.Counts{Requests: 100}, false},
		{"stable fails half as much", metrics.Counts{Requests: 20, Errors: 20}, metrics.Counts{Requests: 100, Errors: 25}, false},
		{"stable fails just less", metrics.Counts{Requests: 20, Errors: 20}, metrics.Counts{Requests: 100, Errors: 24}, true},
		{"stable has no requests", metrics.Counts{Requests: 20, Errors: 20}, metrics.Counts{}, true},
	}
	for _, test := range tests {
		e := analysis.Evidence{Canary: analysis.Arm{Abort: test.canary}, Stable: analysis.Arm{Abort: test.stable}}
		if got := on.Trips(&e); got != test.want {
			t.Errorf("%s: Trips = %v, want %v", test.name, got, test.want)
		}
	}
}

func TestThreeUnreachableRequestsOfThisStepWhileStableAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name              string
		canary, stableRow uint32
		errors            uint64
		want              bool
	}{
		{"three", 3, 0, 3, true},
		{"two", 2, 0, 3, false},
		{"a row from before the step", 7, 0, 2, false},
		{"stable is unreachable too", 3, 1, 3, false},
	}
	for _, test := range tests {
		e := analysis.Evidence{
			Canary: analysis.Arm{Step: counted(test.errors, test.errors, 0), Unreachable: test.canary},
			Stable: analysis.Arm{Unreachable: test.stableRow},
		}
		if got := analysis.Unreachable(&e); got != test.want {
			t.Errorf("%s: Unreachable = %v, want %v", test.name, got, test.want)
		}
	}
}
