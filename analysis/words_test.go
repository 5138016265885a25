package analysis

import (
	"testing"
	"time"
)

func TestTheWordsOfFindings(t *testing.T) {
	t.Parallel()
	errors := Verdict{
		Name: "error-rate", Metric: ErrorRate, Unit: "percent", Value: 3.38, StableValue: 0.2177, Samples: 207, StableSamples: 4593,
		Bad: 7, StableBad: 10, Limit: 1,
		Evidence: 2041.7, EvidenceLimit: 1000, HarmUpper: 0.31, HarmLimit: 0.4, HarmRatio: 1.25,
	}
	over, equal := errors, errors
	equal.HarmRatio = 1
	over.OverLimit, over.StableBad = true, 143
	late := errors
	late.Samples, late.Bad, late.Late, late.LateAfter = 812, 15, 12, Age(2*time.Second)
	both := late
	both.StableBad, both.StableLate = 12, 2
	p95 := Verdict{
		Metric: Latency, Unit: "ms", Value: 212.4, StableValue: 8.27, Samples: 1, StableSamples: 20000, Limit: 500, Name: "latency-p95",
		Quantile: "p95",
	}
	hangs, failed := p95, p95
	hangs.Value, hangs.ValueAbove, hangs.Samples, failed.Value = 500, true, 40, 0
	undecided, slow := errors, hangs
	undecided.Reason, undecided.Value, undecided.Low, undecided.High, undecided.Limit = ReasonLimit, 5.2, 4.6, 5.9, 5
	slow.Reason = ReasonLimit
	report := Report{RequestsNeeded: 768, TimeNeeded: 5*time.Hour + 12*time.Minute}
	for _, c := range []struct{ got, want string }{
		{errors.Numbers(), "the canary failed 7 of 207 requests (3.4%), stable 10 of 4,593 (0.2%)"},
		{late.Numbers(), "the canary failed 3 of 812 requests (0.4%), 12 still without an answer after 2 s; stable 10 of 4,593 (0.2%)"},
		{both.Numbers(), "the canary failed 3 of 812 requests (0.4%), 12 still without an answer after 2 s; stable 10 of 4,593 (0.2%), 2 still without an answer after 2 s"},
		{both.Shared(), "stable itself is failing 0.2%, 2 still without an answer after 2 s (limit 1%); the canary is not worse"},
		{hangs.Numbers(), "the canary's p95 was > 500 ms over 40 requests, stable's 8.3 ms over 20,000"},
		{failed.Numbers(), "the canary's p95 was none over 1 request, stable's 8.3 ms over 20,000"},
		{undecided.Undecided(), "error-rate (5.2%, between 4.6% and 5.9%, above the limit of 5%, not proven)"},
		{slow.Undecided(), "latency-p95 (> 500 ms, above the limit of 500 ms, not proven)"},
		{errors.Odds(), "A canary no worse than stable would show evidence this strong in at most 1 of 2,041 rollouts (limit: 1 in 1,000)."},
		{over.Odds(), "A canary within the limit of 1%, or no worse than stable, would show evidence this strong in at most 1 of 2,041 rollouts (limit: 1 in 1,000)."},
		{errors.Bounded("25%"), "the canary's failure rate is at most 0.3 pp above 1.25 times stable's (95%); 0.4 pp is the limit for 25%"},
		{equal.Bounded("25%"), "the canary's failure rate is at most 0.3 pp above stable's (95%); 0.4 pp is the limit for 25%"},
		{p95.Bounded("25%"), ""},
		{over.Shared(), "stable itself is failing 3.1% (limit 1%); the canary is not worse"},
		{p95.Shared(), "stable itself is beyond the limit of 500 ms of latency-p95; the canary is not worse"},
		{p95.Numbers(), "the canary's p95 was 212 ms over 1 request, stable's 8.3 ms over 20,000"},
		{report.Needs(37, 15*time.Minute), "37 canary requests in 15 min; about 770 more as good as stable's are needed, some 5.2 h"},
		{(&Report{}).Needs(1, 31*time.Second), "1 canary request in 31 s"},
		{percents(0.04), "0.04%"},
		{percents(0.0949), "0.09%"},
		{percents(5), "5%"},
	} {
		if c.got != c.want {
			t.Errorf("got  %s\nwant %s", c.got, c.want)
		}
	}
}

// A thousandth below its limit is below it: the sentence must not say "1 of 1,000" before the evidence is there.
func TestOddsAreRoundedToTheSafeSide(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]uint64{999.9: 999, 1000: 1000, 0.2: 1, 1e300: 1e15} {
		if got := whole(v); got != want {
			t.Errorf("whole(%g) = %d, want %d", v, got, want)
		}
	}
}
