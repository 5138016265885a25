package analysis

import (
	"fmt"
	"math"
)

// A sampled check is about a number that is asked for now and then: the use of a backend's hosts, or what a provider outside answers. There
// is no model of its noise, so there is no bound on false alarms either: it is a plain rule over samples, and takes no part in the bets.

// The metrics of a backend's hosts, in percent.
const (
	CPU    = "cpu"
	Memory = "memory"
)

// SampledCheck is a limit on such a number.
type SampledCheck struct {
	// Name is unique in a rollout, Metric is how people call the number.
	Name   string
	Metric string
	// Unit is "percent", or "" for a number that has none.
	Unit string
	// Max and Min are inclusive, where HasMax and HasMin say that they are limits.
	Max, Min       float64
	HasMax, HasMin bool
	// Apart is how far beyond stable's number the canary's must be as well, where stable's is known: a limit that both break is not the
	// canary's fault.
	Apart float64
	// Source says where the number comes from: samples of another source don't count on.
	Source string
	// DryRun checks are shown and decide nothing.
	DryRun bool
}

// SampledRules are a rollout's sampled checks, and how many failed samples are too many.
type SampledRules struct {
	Checks []SampledCheck `json:",omitempty"`
	// FailureLimit is the largest number of failed samples in an attempt that is no failure, where HasFailureLimit says that there is one.
	FailureLimit    uint64
	HasFailureLimit bool
	// ConsecutiveFailureLimit is the number of failed samples in a row that is a failure; 0 is off.
	ConsecutiveFailureLimit uint64
}

// Sample is one look at the number of a check.
type Sample struct {
	Value float64 `json:"value"`
	// Stable is the same number of stable, where HasStable says that it is known.
	Stable    float64 `json:"stable,omitempty"`
	HasStable bool    `json:"hasStable,omitempty"`
	// Error is why there is no value, in one line; "" where there is one.
	Error string `json:"error,omitempty"`
}

// Samples is what the samples of one check have shown in an attempt: plain data that is kept over restarts and reloads.
type Samples struct {
	Name string `json:"name"`
	// Digest says which check these are samples of.
	Digest string `json:"digest"`
	// Taken are those that had a value, Failed those of them that failed, Row those that failed in a row, up to the last one.
	Taken  uint64 `json:"taken"`
	Failed uint64 `json:"failed"`
	Row    uint64 `json:"row"`
	// Crossed says that there were too many at some sample: it stays.
	Crossed bool `json:"crossed,omitempty"`
	// Last is the newest sample. Where it has no value, it has that of the sample before.
	Last Sample `json:"last"`
}

// beyond says that a value breaks a limit.
func (c *SampledCheck) beyond(v float64) bool { return c.HasMax && v > c.Max || c.HasMin && v < c.Min }

// shared says that stable is as bad: the sample is no failure of the canary's, and no success.
func (c *SampledCheck) shared(s *Sample) bool {
	if !s.HasStable || c.Apart == 0 {
		return false
	}
	if c.HasMax && s.Value > c.Max {
		return s.Value < s.Stable+c.Apart
	}
	return s.Value > s.Stable-c.Apart
}

// Digest says what samples are of.
func (c *SampledCheck) Digest() string {
	return fmt.Sprintf("%s of %s max%v,%v min%v,%v apart%v", c.Metric, c.Source, c.HasMax, c.Max, c.HasMin, c.Min, c.Apart)
}

// Fit gives the samples of each check, in the order of the checks: those there are, and none for a check that is new or another one.
func (r *SampledRules) Fit(old []Samples) []Samples {
	fits := len(old) == len(r.Checks)
	for i := 0; fits && i < len(old); i++ {
		fits = old[i].Name == r.Checks[i].Name && old[i].Digest == r.Checks[i].Digest()
	}
	if fits {
		return old
	}
	out := make([]Samples, len(r.Checks))
	for i := range r.Checks {
		out[i] = Samples{Name: r.Checks[i].Name, Digest: r.Checks[i].Digest()}
		for j := range old {
			if old[j].Name == out[i].Name && old[j].Digest == out[i].Digest {
				out[i] = old[j]
			}
		}
	}
	return out
}

// Take adds a sample of check i. One without a value changes no count: a provider that fails is no failure of the canary, and forgives none.
func (r *SampledRules) Take(i int, s *Samples, x Sample) {
	c := &r.Checks[i]
	if x.Error == "" && !finite(x.Value) {
		x.Error = fmt.Sprintf("the value is %v", x.Value)
	}
	if x.Error != "" {
		s.Last.Error = x.Error
		return
	}
	if !finite(x.Stable) {
		x.Stable, x.HasStable = 0, false
	}
	s.Last = x
	s.Taken++
	switch {
	case !c.beyond(x.Value), c.shared(&x):
		s.Row = 0
	default:
		s.Failed++
		s.Row++
	}
	s.Crossed = s.Crossed || r.tooMany(s)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (r *SampledRules) tooMany(s *Samples) bool {
	return r.HasFailureLimit && s.Failed > r.FailureLimit || r.ConsecutiveFailureLimit > 0 && s.Row >= r.ConsecutiveFailureLimit
}

// The reasons of an insufficient verdict of a sampled check, beside ReasonLimit. ReasonNoValue is followed by why.
const (
	ReasonNoSample = "no sample yet"
	ReasonNoValue  = "no value"
	ReasonShared   = "stable is beyond it too"
)

// Verdict is what check i says. Fresh says that its newest value was taken since the windows began: an older one passes nothing.
func (r *SampledRules) Verdict(i int, s *Samples, fresh bool) Verdict {
	c := &r.Checks[i]
	v := Verdict{
		Name: c.Name, Metric: c.Metric, Unit: c.Unit, DryRun: c.DryRun, Sampled: true, Value: s.Last.Value, Limit: c.Max,
		Samples: s.Taken, Bad: s.Failed, Row: s.Row, RowLimit: r.ConsecutiveFailureLimit,
	}
	if r.HasFailureLimit {
		v.BadLimit = new(r.FailureLimit)
	}
	if c.HasMin && (!c.HasMax || s.Last.Value < c.Min) {
		v.Limit, v.AtLeast = c.Min, true
	}
	if s.Last.HasStable {
		v.StableValue, v.StableSamples = s.Last.Stable, s.Taken
	}
	switch {
	case s.Crossed || r.tooMany(s): // the limits of failures may have been lowered
		v.Verdict, v.OverLimit = Fail, true
	case s.Last.Error != "":
		v.Verdict, v.Reason = Insufficient, ReasonNoValue+": "+s.Last.Error
	case !fresh:
		v.Verdict, v.Reason = Insufficient, ReasonNoSample
	case !c.beyond(s.Last.Value):
		v.Verdict = Pass
	case c.shared(&s.Last):
		v.Verdict, v.Reason = Insufficient, ReasonShared
	default:
		v.Verdict, v.Reason = Insufficient, ReasonLimit
	}
	return v
}
