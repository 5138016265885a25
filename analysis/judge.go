package analysis

import (
	"math"
	"time"

	"sluice/metrics"
)

// The verdicts.
const (
	Pass         = "pass"
	Fail         = "fail"
	Insufficient = "insufficient"
)

// enoughToFail is how many requests of the recent window can show a failure before the step has its least number.
const enoughToFail = 20

// Judge gives the verdict of each check, in order. A check fails when its value is above the limit over at least 20 canary requests of
// the recent window, or over at least MinRequests of the step; it passes when MinRequests of the step have ended and the value is at or
// under the limit; otherwise the numbers are insufficient. Looking often makes the first rule eager: it carries no bound on false alarms.
func Judge(checks []Check, e *Evidence) []Verdict {
	verdicts := make([]Verdict, 0, len(checks))
	for i := range checks {
		verdicts = append(verdicts, judge(&checks[i], i, e))
	}
	return verdicts
}

func judge(c *Check, i int, e *Evidence) Verdict {
	least := max(e.MinRequests, 1) // never on no evidence
	recent, step := read(c, i, &e.Canary.Recent), read(c, i, &e.Canary.Step)
	switch {
	case recent.samples >= enoughToFail && recent.above(c):
		return verdict(c, Fail, recent, read(c, i, &e.Stable.Recent))
	case step.samples >= least && step.above(c):
		return verdict(c, Fail, step, read(c, i, &e.Stable.Step))
	case step.ended >= least && step.proven(c):
		return verdict(c, Pass, step, read(c, i, &e.Stable.Step))
	default:
		return verdict(c, Insufficient, step, read(c, i, &e.Stable.Step))
	}
}

// reading is one metric of one sample.
type reading struct {
	value   float64 // takes what has not ended for good, where that is not yet known to be bad
	ended   uint64
	samples uint64 // with those that have not ended and count
	bad     uint64
	worst   float64 // the value over those that have ended alone
}

func (r reading) above(c *Check) bool  { return c.HasMax && r.value > c.Max }
func (r reading) proven(c *Check) bool { return !c.HasMax || max(r.value, r.worst) <= c.Max }

func read(c *Check, i int, s *Sample) reading {
	if c.Metric == ErrorRate {
		return errorRate(s)
	}
	var slow uint64
	if i < len(s.Slow) {
		slow = s.Slow[i]
	}
	return latency(c, s, slow)
}

// errorRate counts by arrival: a canary with fast failures and slow successes would look dead if only what has ended counted. So a
// failure has to be one of all that arrived, and a pass needs the rate of those that have ended.
func errorRate(s *Sample) reading {
	n := s.Judged()
	return reading{
		value: percent(n.Errors, n.Requests), worst: percent(n.Errors, n.Finished()),
		samples: n.Requests, ended: n.Finished(), bad: n.Errors,
	}
}

func percent(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// latency takes a request that has not ended and is older than the limit for one above it.
func latency(c *Check, s *Sample, slow uint64) reading {
	var h metrics.Histogram
	h.Add(&s.Latency[metrics.Drawn])
	h.Add(&s.Latency[metrics.Pinned])
	r := reading{ended: h.Count(), samples: h.Count() + slow}
	if c.HasMax {
		r.bad = h.Above(time.Duration(c.Max*float64(time.Millisecond))) + slow
	}
	if r.samples == 0 {
		return r
	}
	r.value = mean(&h, slow, c.Max)
	if c.Quantile > 0 {
		r.value = quantile(&h, c, slow, r.bad)
	}
	r.worst = r.value
	return r
}

// mean is in milliseconds; each slow request took at least the limit.
func mean(h *metrics.Histogram, slow uint64, limit float64) float64 {
	n := float64(h.Count())
	return (milliseconds(h.Mean())*n + limit*float64(slow)) / (n + float64(slow))
}

// quantile is in milliseconds, with the slow requests at the upper end. Where it falls among them its value is only known to be above the
// limit; where it falls into the limit's own bucket it is not known to be above.
func quantile(h *metrics.Histogram, c *Check, slow, bad uint64) float64 {
	n := h.Count()
	rank := max(uint64(math.Ceil(c.Quantile*float64(n+slow)*(1-1e-12))), 1)
	if rank > n {
		return max(milliseconds(h.Quantile(1)), math.Nextafter(c.Max, math.Inf(1)))
	}
	v := milliseconds(h.Quantile((float64(rank) - 0.5) / float64(n)))
	if c.HasMax && n+slow-rank >= bad {
		return min(v, c.Max)
	}
	return v
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func verdict(c *Check, v string, canary, stable reading) Verdict {
	unit := "ms"
	if c.Metric == ErrorRate {
		unit = "percent"
	}
	return Verdict{
		Name: c.Name, Metric: c.Metric, Unit: unit, Verdict: v, DryRun: c.DryRun,
		Value: canary.value, StableValue: stable.value, Limit: c.Max,
		Samples: canary.samples, StableSamples: stable.samples, Bad: canary.bad, StableBad: stable.bad,
	}
}
