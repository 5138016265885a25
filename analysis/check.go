// Package analysis says whether a canary is good enough, on numbers that others have counted.
//
// It is pure: no clock, no state, no traffic. It decides nothing about weights; that is rollout's. Start at Judge.
package analysis

import (
	"time"

	"sluice/metrics"
)

// The metrics a check can be about.
const (
	ErrorRate = "error-rate" // percent of first attempts that failed
	Latency   = "latency"    // milliseconds, a quantile or the mean
)

// Check is a metric with its limits.
type Check struct {
	// Name is unique in a rollout.
	Name string
	// Metric is ErrorRate or Latency.
	Metric string
	// Quantile of a latency, between 0 and 1; 0 is the mean. QuantileName is how people call it: "p95".
	Quantile     float64
	QuantileName string
	// Max is the largest value that is good, in percent or milliseconds, where HasMax says that there is a limit.
	Max    float64
	HasMax bool
	// DryRun checks are shown and decide nothing.
	DryRun bool
}

// AbortOn is the circuit breaker: a canary that fails this much is taken off at once, unless stable fails half as much.
type AbortOn struct {
	// ErrorRate in percent, reached by at least MinRequests that arrived within Window.
	ErrorRate   float64
	MinRequests uint64
	Window      time.Duration
}

// RecentWindow is how far Arm.Recent reaches back.
const RecentWindow = 10 * time.Second

// Sample is what was counted of one backend in one window.
type Sample struct {
	metrics.Window
	// Slow has, for each check, the judged requests of the window that have not ended and are older than the check's latency limit.
	// It may be shorter than the list of checks.
	Slow []uint64
}

// Arm is what was counted of one backend. No window reaches back beyond the last change of weight.
type Arm struct {
	// Recent is the last RecentWindow, Step is everything since the step began.
	Recent, Step Sample
	// Abort are the judged requests of AbortOn.Window.
	Abort metrics.Counts
	// Unreachable counts the judged requests in a row, up to the last one, for which no connection could be made.
	Unreachable uint32
}

// Evidence is what a judgement is made from.
type Evidence struct {
	Canary, Stable Arm
	// MinRequests of the step: as many canary requests are needed for a pass.
	MinRequests uint64
}

// Requests are the canary's judged requests of the step that have ended.
func (e *Evidence) Requests() uint64 { return e.Canary.Step.Judged().Finished() }
