package config

import "time"

// Rollout is the plan for bringing a canary into service, its preset already written out.
type Rollout struct {
	// Stable and Canary name the backends in the two roles at first. Default "stable" and "canary".
	Stable, Canary string
	// Preset that brought what the file does not say: fast, slow, soak, AllAtOnce, or a CodeDeploy name. Default "fast"
	// when there are no steps either, else "".
	Preset string
	// Strategy is "canary" (steps), "blueGreen" (a preview, then everything at once), "abTest" (a fixed split until one is better) or
	// "mirror" (judged on copies until a person gives it the traffic). Default "canary".
	Strategy string
	// ABTest is what strategy abTest goes by; nil without it. Its split is the one of Steps.
	ABTest *ABTest
	// Copies is what has to be seen on copies of requests before the first traffic; nil where nothing is: with strategy mirror, and with
	// blueGreen where the route mirrors to the canary.
	Copies *Step
	// Steps before the bake, weights rising strictly, all above 0 and below 100 %. The file's last step, 100 %, is Bake.
	Steps []Step
	// Stops are the file's steps that are gates and pauses, in its order.
	Stops []Stop
	// StepsCompleted says that the file's steps lacked their last, 100 %, and it was added.
	StepsCompleted bool
	// Bake is how long the 100 % step is watched. Default 10m (slow: 1h, soak: 30m).
	Bake time.Duration
	// BakeStable stays on stable while baking, so that the comparison goes on. Default 5 %; 0 % for AllAtOnce.
	BakeStable Percent
	// Decision is who decides: "auto", "manual" (a person approves each step) or "hybrid" (auto unless something is off, then a person).
	// Default "auto".
	Decision string
	// OnInsufficient is what happens after MaxWait without enough evidence: "wait", "pause", "promote" or "rollback". Default "wait",
	// with decision: hybrid "pause".
	OnInsufficient string
	// MaxWait is the longest wait at a step for enough evidence, beyond its hold. Default 30m.
	MaxWait time.Duration
	// BlastRadius is the largest excess of failures, as a share of all traffic, that a next step may risk: advancing needs the proof; 0 is off.
	// Default 0.1 %.
	BlastRadius Percent
	// Confidence is 1 - the probability that the whole attempt is rolled back although the canary is within its margins. Default 99.9 %.
	Confidence Percent
	// Warmup at the start of an attempt in which latency is left out. Default 0s.
	Warmup time.Duration
	// AutoStart starts an attempt when the canary has a new version that never failed here. Default true.
	AutoStart bool
	// Analysis judges the canary.
	Analysis Analysis
	// Rollback is what happens when it fails.
	Rollback Rollback
	// Salt is "attempt" for a new draw of users per attempt, "route" for the same users first. Default "attempt".
	Salt string
	// Webhooks that are asked, in this order, or told. Default: none.
	Webhooks []Webhook
	// Alerts go to people. Default: none.
	Alerts []Alert
}

// Step is one weight of a rollout.
type Step struct {
	// Weight is the canary's share of what further backends leave.
	Weight Percent
	// Hold is the least time at this step. Default: the rollout's hold, 10m (slow: 1h, soak: 30m).
	Hold time.Duration
	// MinRequests is the least number of canary requests at this step. Default: the rollout's minRequests, 100.
	MinRequests uint64
}

// Stop is a step of the file without a weight: a gate that a person opens, or a pause.
type Stop struct {
	// Before counts the weights before it: the stop is before Steps[Before], or before the bake where there is none.
	Before int
	// Gate is its name; "" is a pause.
	Gate string
	// Expires is how long a gate waits; 0 is for ever. Default 0.
	Expires time.Duration
	// OnExpire is what happens then. Default and so far only "pause".
	OnExpire string
	// Webhook opens the gate as a person does, who still can; nil is none. Default nil.
	Webhook *GateWebhook
	// Pause is how long a pause lasts.
	Pause time.Duration
}

// Analysis judges the canary.
type Analysis struct {
	// Interval between two looks. Default 100ms.
	Interval time.Duration
	// Checks that each must hold. Default with a preset: error-rate and latency, compared with stable.
	Checks []Check
	// FailureLimit is the largest number of failed samples of a sampled check, in all of an attempt, that does not roll back; nil is off.
	// Default nil.
	FailureLimit *uint64
	// ConsecutiveFailureLimit is the number of failed samples in a row that rolls back; 0 is off. Default 3.
	ConsecutiveFailureLimit uint64
	// AbortOn is the circuit breaker; nil is off. Default 50 % of at least 20 requests in 2s.
	AbortOn *AbortOn
}

// Check is a metric: how it may compare with stable, and a limit of its own.
type Check struct {
	// Name is unique in the rollout. Default: the metric, with the quantile for a latency limit ("latency-p95").
	Name string
	// Metric is "error-rate", "latency", "conversion-rate", "cpu" or "memory", or any other name of what Prometheus or HTTP says.
	Metric string
	// Quantile of latency that is shown and that the limit is about: p50, p90, p95, p99, p99.9 or mean; "" for other metrics. Default "p95".
	Quantile string
	// Limited says that there is a max, or a min of conversion-rate.
	Limited bool
	// MinRate is the inclusive limit of conversion-rate. Default none.
	MinRate Percent
	// MaxRate is the inclusive limit of error-rate. Default none.
	MaxRate Percent
	// MaxLatency is the inclusive limit of latency. Default none.
	MaxLatency time.Duration
	// MaxIncrease is how many percentage points the canary's error rate may be above stable's; 0 is the default margin. Default: 1.25 times
	// stable's rate and 0.02 to 0.1 points.
	MaxIncrease Percent
	// MaxDecrease is how many percentage points the canary's conversion rate may be below stable's. Default 0.1 points.
	MaxDecrease Percent
	// MaxRatio is how many times stable's the canary's rate, or its latencies, may be; 0 is the default margin. Default 1.05 for latency.
	MaxRatio float64
	// Compare with stable; false leaves the limit alone. Default true; of a sampled check false.
	Compare bool
	// DryRun shows the verdict and decides nothing. Default false.
	DryRun bool
	// MaxValue and MinValue are the inclusive limits of a sampled check, in percent for cpu and memory; Floored says that there is a min.
	MaxValue, MinValue float64
	Floored            bool
	// Interval between two samples. Default 5s.
	Interval time.Duration
	// Prometheus or HTTP is where the number of another metric comes from; nil is nowhere. An error of theirs holds (onError: hold, the only
	// value so far).
	Prometheus *PrometheusQuery
	HTTP       *HTTPValue
}

// AbortOn rolls back at once when the canary is plainly dead and stable has less than half of its errors.
type AbortOn struct {
	// ErrorRate from which on it fires. Default 50 %.
	ErrorRate Percent
	// MinRequests that the window must hold. Default 20.
	MinRequests uint64
	// Window is how far back it looks. Default 2s.
	Window time.Duration
}

// Rollback is how the canary leaves the traffic.
type Rollback struct {
	// Auto rolls back when a check fails; false only shows it. Default true.
	Auto bool
	// Drain of the canary's requests in flight: "finish" or "immediate". Default "finish".
	Drain string
	// DrainTimeout bounds the draining. Default 30s.
	DrainTimeout time.Duration
}
