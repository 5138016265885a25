package analysis

import (
	"math"
	"testing"
	"time"
)

func TestThresholdsSpendAlphaOnce(t *testing.T) {
	t.Parallel()
	check := func(metric string, max float64) Rule {
		return Rule{Check: Check{Name: metric, Metric: metric, Max: max, HasMax: max > 0}}
	}
	dry := check(Conversions, 0)
	dry.DryRun = true
	for _, rules := range [][]Rule{
		{check(ErrorRate, 0)},
		{check(ErrorRate, 5)},
		{check(ErrorRate, 5), check(Latency, 500), check(Latency, 900), check(Conversions, 0)},
		{check(ErrorRate, 0), dry},
	} {
		r := Rules{Rules: rules, Confidence: 0.999}
		spent := 0.0
		for i, need := range r.share() {
			if c := &rules[i]; !c.DryRun {
				if r.compares(i) {
					spent += math.Exp(-need.compare)
				}
				if c.limited() {
					spent += math.Exp(-need.limit)
				}
			}
		}
		if math.Abs(spent/0.001-1) > 1e-9 {
			t.Errorf("%d rules spend %g of alpha, want 0.001", len(rules), spent)
		}
	}
}

func TestMarginsAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule Rule
		want line
	}{
		{Rule{Check: Check{Metric: ErrorRate}, MaxIncrease: 0.5}, line{R: 1, D: 0.005}},
		{Rule{Check: Check{Metric: ErrorRate}, MaxRatio: 1.2}, line{R: 1.2, D: 0}},
		{Rule{Check: Check{Metric: ErrorRate}, MaxRatio: 1.2, MaxIncrease: 0.5}, line{R: 1.2, D: 0.005}},
		{Rule{Check: Check{Metric: Conversions}, MaxDecrease: 2}, line{R: 1, D: 0.02}},
	} {
		got, fixed := c.rule.margin()
		if !fixed || math.Abs(got.R-c.want.R)+math.Abs(got.D-c.want.D) > 1e-12 {
			t.Errorf("margin of %+v = %+v, %t, want %+v", c.rule, got, fixed, c.want)
		}
	}
	for pb, want := range map[float64]float64{0.00001: 0.0002, 0.0002: 0.0004, 0.1: 0.001} {
		if got := frozen(pb); got.R != 1.25 || math.Abs(got.D-want) > 1e-12 {
			t.Errorf("default margin at %g = %+v, want 1.25, %g", pb, got, want)
		}
	}
}

// A changed margin is a new test, which goes on from the cash: what was bet under the old one is not given back.
func TestEvidenceUnderAnotherMarginIsNotKept(t *testing.T) {
	t.Parallel()
	old := errorRules(0.001)
	a, s := New(old), State{}
	for tick := range int64(20) {
		a.Assess(&s, []Block{block(tick, Pair{Canary: Tally{N: 5, Bad: 1}, Stable: Tally{N: 95}})}, step1)
	}
	cash := s.Tests[0].Trials.Compare.Cash
	changed := errorRules(0.001)
	changed.Rules[0].MaxIncrease = 1
	s.Tests[0].Crossed = "" // or the rollback would have happened
	b := New(changed)
	b.Assess(&s, nil, step1)
	if e, _ := s.Tests[0].margin(&b.how[0], b.clock.limit); math.Abs(e-math.Log(cash)) > 1e-12 || cash > 0.16 {
		t.Errorf("ln E after the change = %g, want ln of the cash, %g", e, math.Log(cash))
	}
	before := s.Clone()
	New(changed).Assess(&s, nil, step1)
	if !stateEqual(before, s) {
		t.Error("the same rules again changed the evidence")
	}
}

func TestLatencyIsLeftOutWhileItWarmsUp(t *testing.T) {
	t.Parallel()
	r := Rules{Rules: []Rule{{Check: Check{Name: "latency", Metric: Latency}}}, Confidence: 0.999, Warmup: 5 * time.Second}
	a, s, c := New(r), State{}, newChance(1)
	a.Learn(&s, Tally{}, c.latencies(0, 900, 1), 0)
	for second := int64(1); second < 30; second++ {
		factor := 1.0
		if second < 6 {
			factor = 4
		}
		b := block(second*10+9, Pair{})
		b.Latency = c.latencies(50, 900, factor)
		if a.Assess(&s, []Block{b}, step1).Failed >= 0 {
			t.Fatalf("rolled back for the warm-up, in second %d", second)
		}
	}
}

func TestADryRunDecidesNothing(t *testing.T) {
	t.Parallel()
	r := errorRules(0.001)
	r.Rules[0].DryRun = true
	a, s := New(r), State{}
	for tick := range int64(100) {
		rep := a.Assess(&s, []Block{block(tick, Pair{Canary: Tally{N: 5, Bad: 5}, Stable: Tally{N: 95}})}, step1)
		if rep.Failed >= 0 || !rep.Pass {
			t.Fatalf("a dry run decided: %+v", rep)
		}
	}
	if f := a.report.Findings[0]; f.Verdict != Fail {
		t.Errorf("verdict %q, want it shown as failed", f.Verdict)
	}
}
