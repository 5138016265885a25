package analysis

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// NoValue says that a sampled check does not decide because its source did not say a number.
func (f *Verdict) NoValue() bool {
	return f.Sampled && f.Verdict == Insufficient && strings.HasPrefix(f.Reason, ReasonNoValue)
}

// sampled is what was seen: "the canary's cpu was 93% (at most 80%), stable's 41%".
func (f *Verdict) sampled() string {
	of := f.Metric
	if f.Unit != "" {
		of = "the canary's " + of
	}
	s := fmt.Sprintf("%s was %s (%s)", of, f.figure(f.Value), f.Bound())
	if f.StableSamples > 0 {
		s += ", stable's " + f.figure(f.StableValue)
	}
	return s
}

// Bound is the limit of a sampled check: "at most 80%".
func (f *Verdict) Bound() string {
	if f.AtLeast {
		return "at least " + f.figure(f.Limit)
	}
	return "at most " + f.figure(f.Limit)
}

// Counted is how near a sampled check is to failing: "2 samples failed in a row (3 fail), 4 of 31 in all".
func (f *Verdict) Counted() string {
	s := counted(f.Row, "sample") + " failed in a row"
	if f.RowLimit > 0 {
		s += fmt.Sprintf(" (limit: %d)", f.RowLimit)
	}
	s += fmt.Sprintf(", %s of %s in all", thousands(f.Bad), thousands(f.Samples))
	if f.BadLimit != nil {
		s += fmt.Sprintf(" (limit: more than %d)", *f.BadLimit)
	}
	return s
}

// noOdds stands where other checks say how strong their evidence is.
func (f *Verdict) noOdds() string {
	return upperFirst(f.Counted()) + "; a sampled check has no bound on false alarms."
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (f *Verdict) figure(v float64) string {
	if f.Unit == "percent" {
		return percents(v)
	}
	if a := math.Abs(v); a >= 1000 && a < 1e15 {
		return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
