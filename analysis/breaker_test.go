package analysis_test

import (
	"testing"
	"time"

	"sluice/analysis"
	"sluice/metrics"
)

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
			Canary: analysis.Arm{Errors: test.errors, Unreachable: test.canary},
			Stable: analysis.Arm{Unreachable: test.stableRow},
		}
		if got := analysis.Unreachable(&e); got != test.want {
			t.Errorf("%s: Unreachable = %v, want %v", test.name, got, test.want)
		}
	}
}
