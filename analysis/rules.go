package analysis

import (
	"math"
	"time"
)

// Conversions is the metric of a rule about the conversion rate, in percent: the only one where less is worse.
const Conversions = "conversion-rate"

// Rule is a check with how it is compared with stable. A zero margin is the default one.
type Rule struct {
	Check
	// Min is the smallest conversion rate that is good, in percent, where HasMin says that there is a limit.
	Min    float64
	HasMin bool
	// Alone leaves the absolute limit and compares nothing (`compare: false`).
	Alone bool
	// MaxIncrease and MaxDecrease are percentage points, MaxRatio is a factor: the canary may be at MaxRatio × stable + MaxIncrease. For
	// latencies MaxRatio is about the whole distribution.
	MaxIncrease, MaxDecrease, MaxRatio float64
}

// Rules are what an attempt is judged by.
type Rules struct {
	Rules []Rule
	// Confidence is 1 − the probability that the whole attempt is rolled back although the canary is within its margins.
	Confidence float64
	// BlastRadius is the largest excess of failures, as a share (not percent) of all traffic, that a next step may risk; 0 is off.
	BlastRadius float64
	// Sticky routes take the user for the unit.
	Sticky bool
	// Warmup at the start of an attempt in which latency is left out.
	Warmup time.Duration
	// Steps of the plan and its longest Duration say when stakes are placed. Wrong ones cost power, not validity.
	Steps    int
	Duration time.Duration
}

// The default margins.
const (
	defaultRatio   = 1.25   // of error rates: pods differ
	leastIncrease  = 0.0002 // 0.02 pp, twice stable's rate …
	mostIncrease   = 0.001  // … or 0.1 pp
	defaultLatency = 1.05
	defaultDrop    = 0.001

	lump      = 0.85 // of a process's stake at the start
	stepStake = 0.05 // at the later steps' starts; the rest by elapsed time

	acceptance = 20 // 1 / 0.05: the evidence that harm is bounded, and the least against the canary that holds it back
)

var (
	logAcceptance = math.Log(acceptance)
	harmCap       = logAcceptance / 2
)

// kind of a test. Each may roll back at 1/(v α); the weights of the kinds in use are made to sum to 1, and tests of a kind share its.
type kind uint8

const (
	errorTests kind = iota
	latencyTests
	businessTests
	limits
	numKinds
)

var kindWeight = [numKinds]float64{0.45, 0.25, 0.15, 0.15}

func (r *Rule) kind() kind {
	switch r.Metric {
	case ErrorRate:
		return errorTests
	case Latency:
		return latencyTests
	default:
		return businessTests
	}
}

// margin of an error rate or a conversion rate. fixed is false where it follows stable's history.
func (r *Rule) margin() (l line, fixed bool) {
	points := max(r.MaxIncrease, r.MaxDecrease) / 100
	switch {
	case r.MaxRatio > 0 || points > 0:
		l = line{R: 1, D: points}
		if r.MaxRatio > 0 {
			l.R = r.MaxRatio
		}
		return l, true
	case r.Metric == Conversions:
		return line{R: 1, D: defaultDrop}, true
	default:
		return line{R: defaultRatio}, false
	}
}

// frozen is the default margin for stable's rate at the start of the attempt.
func frozen(pb float64) line {
	return line{R: defaultRatio, D: max(leastIncrease, min(2*pb, mostIncrease))}
}

// limited says that the rule has an absolute limit.
func (r *Rule) limited() bool { return r.HasMax || r.HasMin }

// limit is the share of bad trials at the absolute limit.
func (r *Rule) limit() float64 {
	switch r.Metric {
	case ErrorRate:
		return r.Max / 100
	case Conversions:
		return 1 - r.Min/100
	default:
		return 1 - r.Quantile
	}
}

// thresholds are the logarithms of the evidence that a rule's comparison and its limit need.
type thresholds struct{ compare, limit float64 }

// share gives each test its own threshold 1/(v α). Those of dry runs take nothing from the others.
func (r *Rules) share() []thresholds {
	var tests [numKinds]float64
	for i := range r.Rules {
		if c := &r.Rules[i]; !c.DryRun {
			if r.compares(i) {
				tests[c.kind()]++
			}
			if c.limited() {
				tests[limits]++
			}
		}
	}
	total := 0.0
	for k, n := range tests {
		if n > 0 {
			total += kindWeight[k]
		}
	}
	threshold := func(k kind) float64 {
		v := 1.0
		if total > 0 {
			v = min(1, kindWeight[k]/total) / max(tests[k], 1)
		}
		return -math.Log(v * r.alpha())
	}
	out := make([]thresholds, len(r.Rules))
	for i := range out {
		out[i] = thresholds{compare: threshold(r.Rules[i].kind()), limit: threshold(limits)}
	}
	return out
}

func (r *Rules) alpha() float64 { return max(1e-9, min(1-r.Confidence, 0.5)) }

// compares says that rule i has a comparison of its own. Latencies are compared as a whole, once for each margin.
func (r *Rules) compares(i int) bool {
	c := &r.Rules[i]
	if c.Alone {
		return false
	}
	if c.Metric != Latency {
		return true
	}
	for j := range i {
		if o := &r.Rules[j]; o.Metric == Latency && !o.Alone && o.DryRun == c.DryRun && o.ratio() == c.ratio() {
			return false
		}
	}
	return true
}

func (r *Rule) ratio() float64 {
	if r.MaxRatio > 0 {
		return r.MaxRatio
	}
	return defaultLatency
}
