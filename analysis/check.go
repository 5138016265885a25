// Package analysis says whether a canary is good enough, on numbers that others have counted.
//
// It is pure: no clock, no traffic, no I/O. It decides nothing about weights; that is rollout's. Start at Assess.
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

// Check is a metric with its limit.
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

// Arm is what was counted of one backend for the fast lane. No window reaches back beyond the last change of weight.
type Arm struct {
	// Abort are the judged requests of AbortOn.Window, Errors the judged ones that failed since the step began.
	Abort  metrics.Counts
	Errors uint64
	// Unreachable counts the judged requests in a row, up to the last one, for which no connection could be made.
	Unreachable uint32
}

// Evidence is what the fast lane looks at: for a canary that is plainly dead, outside every bound on false alarms.
type Evidence struct{ Canary, Stable Arm }
