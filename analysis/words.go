package analysis

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The words of findings, for the sentence that heads a decision. None of them says how probable it is that the canary is bad: that would need
// to know how many releases are.

// Numbers is what was seen on both sides: "the canary failed 7 of 207 requests (3.4%), stable 10 of 4,593 (0.2%)". What had no answer yet is
// said apart, since clients may not have seen it fail: "the canary failed 3 of 812 requests (0.4%), 12 still without an answer after 2 s; …".
func (f *Verdict) Numbers() string {
	if f.Sampled {
		return f.sampled()
	}
	switch f.Metric {
	case ErrorRate:
		between, canary, stable := ",", f.unanswered(f.Late), f.unanswered(f.StableLate)
		if canary != "" || stable != "" {
			between = ";"
		}
		return fmt.Sprintf("the canary failed %s%s%s stable %s%s", outOf(f.Bad-f.Late, f.Samples, counted(f.Samples, "request")), canary, between,
			outOf(f.StableBad-f.StableLate, f.StableSamples, thousands(f.StableSamples)), stable)
	case Conversions:
		return fmt.Sprintf("%s of the canary's %s converted, %s of stable's %s",
			percents(f.Value), counted(f.Samples, "user"), percents(f.StableValue), thousands(f.StableSamples))
	}
	quantile := f.Quantile
	if quantile == "" {
		quantile = "mean latency"
	}
	return fmt.Sprintf("the canary's %s was %s over %s, stable's %s over %s", quantile, latency(f.Value, f.ValueAbove),
		counted(f.Samples, "request"), latency(f.StableValue, f.StableAbove), thousands(f.StableSamples))
}

// outOf is "7 of 207 requests (3.4%)".
func outOf(bad, n uint64, of string) string {
	return fmt.Sprintf("%s of %s (%s)", thousands(bad), of, percents(100*Tally{N: n, Bad: bad}.rate()))
}

// unanswered is ", 12 still without an answer after 2 s", "" where there are none.
func (f *Verdict) unanswered(late uint64) string {
	if late == 0 {
		return ""
	}
	return fmt.Sprintf(", %s still without an answer after %s", thousands(late), lasting(time.Duration(f.LateAfter)))
}

// latency is one in words: "12 ms", "> 500 ms" where that is all that is known, "none" where nothing was answered.
func latency(v float64, above bool) string {
	switch {
	case above:
		return "> " + millis(v)
	case v == 0:
		return "none"
	default:
		return millis(v)
	}
}

// Odds is what the evidence means: "A canary no worse than stable would show evidence this strong in at most 1 of 2,041 rollouts (limit: 1 in
// 1,000)."
func (f *Verdict) Odds() string {
	if f.Sampled {
		return f.noOdds()
	}
	good := "A canary no worse than stable"
	if f.OverLimit {
		good = "A canary within the limit of " + f.limit() + ", or no worse than stable,"
	}
	return fmt.Sprintf("%s would show evidence this strong in at most 1 of %s rollouts (limit: 1 in %s).",
		good, thousands(whole(f.Evidence)), thousands(whole(f.EvidenceLimit)))
}

// Bounded is what has been proven for the next weight: "the canary's failure rate is at most 0.3 pp above 1.25 times stable's (95%); 0.4 pp is
// the limit for 25%". "" where nothing had to be.
func (f *Verdict) Bounded(next string) string {
	if f.HarmLimit <= 0 {
		return ""
	}
	stables := "stable's"
	if f.HarmRatio != 1 && f.HarmRatio > 0 {
		stables = strconv.FormatFloat(f.HarmRatio, 'g', 3, 64) + " times stable's"
	}
	return fmt.Sprintf("the canary's failure rate is at most %s pp above %s (95%%); %s pp is the limit for %s",
		points(f.HarmUpper), stables, points(f.HarmLimit), next)
}

// Undecided is why there is no pass: "error-rate (requests)", "error-rate (5.2%, between 4.6% and 5.9%, above the limit of 5%, not proven)".
func (f *Verdict) Undecided() string {
	if f.Reason != ReasonLimit {
		return fmt.Sprintf("%s (%s)", f.Name, f.Reason)
	}
	value, side := f.in(f.Value), "above"
	switch {
	case f.Metric == Conversions:
		side = "below"
	case f.ValueAbove:
		value = "> " + value
	}
	if f.High > 0 {
		value += fmt.Sprintf(", between %s and %s", f.in(f.Low), f.in(f.High))
	}
	return fmt.Sprintf("%s (%s, %s the limit of %s, not proven)", f.Name, value, side, f.limit())
}

// Shared is why an attempt pauses instead of being rolled back: "stable itself is failing 3.1% (limit 1%); the canary is not worse".
func (f *Verdict) Shared() string {
	if f.Metric == ErrorRate {
		return fmt.Sprintf("stable itself is failing %s%s (limit %s); the canary is not worse",
			percents(100*Tally{N: f.StableSamples, Bad: f.StableBad - f.StableLate}.rate()), f.unanswered(f.StableLate), f.limit())
	}
	return fmt.Sprintf("stable itself is beyond the limit of %s of %s; the canary is not worse", f.limit(), f.Name)
}

func (f *Verdict) limit() string { return f.in(f.Limit) }

// in is a number with the check's unit.
func (f *Verdict) in(v float64) string {
	if f.Unit == "ms" {
		return millis(v)
	}
	return percents(v)
}

// Needs is what a step waits for: "37 canary requests in 15 min; about 770 more without a new failure are needed, some 5.2 h".
func (r *Report) Needs(seen uint64, in time.Duration) string {
	s := fmt.Sprintf("%s in %s", counted(seen, "canary request"), lasting(in))
	if r.RequestsNeeded == 0 {
		return s
	}
	s += fmt.Sprintf("; about %s more as good as stable's are needed", thousands(roughly(r.RequestsNeeded)))
	if r.TimeNeeded > 0 {
		s += ", some " + lasting(r.TimeNeeded)
	}
	return s
}

// roughly keeps two digits: it is an estimate.
func roughly(n uint64) uint64 {
	unit := uint64(1)
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

// whole rounds down: "at most 1 of" must stay true.
func whole(v float64) uint64 { return uint64(max(1, min(math.Floor(v*(1+1e-9)), 1e15))) }

func counted(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}

func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percents shows one decimal, and one digit of what is smaller.
func percents(v float64) string { return points(v) + "%" }

func points(v float64) string {
	if v != 0 && v < 0.095 {
		return strconv.FormatFloat(v, 'g', 1, 64)
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}

func millis(v float64) string {
	if v < 10 {
		return points(v) + " ms"
	}
	return thousands(uint64(v+0.5)) + " ms"
}

// lasting is a duration for reading: "31 s", "15 min", "5.2 h".
func lasting(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return points(math.Round(d.Seconds()*10)/10) + " s"
	case d < 2*time.Hour:
		return strconv.FormatFloat(d.Minutes(), 'f', 0, 64) + " min"
	default:
		return strings.TrimSuffix(strconv.FormatFloat(d.Hours(), 'f', 1, 64), ".0") + " h"
	}
}
