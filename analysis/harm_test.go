package analysis

import (
	"testing"
)

// A canary that harms exactly as much as the next step allows passes with a probability of 5 % at most.
func TestHarmAtTheBoundIsAcceptedOnceInTwentyAtMost(t *testing.T) {
	t.Parallel()
	const runs = 400
	accepted := 0
	for seed := range runs {
		a, s, r := New(errorRules(0.001)), State{}, newChance(uint64(seed))
		pb := 0.01
		pc := defaultRatio*pb + 0.001/0.25 // the line of 5 → 25 %
		for tick := range int64(1500) {
			if a.Assess(&s, []Block{block(tick, r.pair(100, 0.05, pc, pb))}, step1); s.Tests[0].Trials.Harm.logE(3, harmCap) >= logAcceptance {
				accepted++
				break
			}
		}
	}
	t.Logf("accepted %d of %d", accepted, runs)
	if accepted > runs*7/100 { // 28: 3 deviations above 5 %
		t.Errorf("accepted %d of %d, want 5 %% at most", accepted, runs)
	}
}

func TestEachStepNeedsItsOwnProof(t *testing.T) {
	t.Parallel()
	a, s, r := New(errorRules(0.001)), State{}, newChance(1)
	passedAt := int64(-1)
	for tick := range int64(1000) {
		if a.Assess(&s, []Block{block(tick, r.pair(100, 0.05, 0.001, 0.001))}, step1).Pass {
			passedAt = tick
			break
		}
	}
	if passedAt < 0 {
		t.Fatal("a healthy canary was not accepted in 100 s")
	}
	b := block(passedAt+1, r.pair(100, 0.25, 0.001, 0.001))
	b.Weight, b.Step, b.Next = 2500, 2, 5000
	rep := a.Assess(&s, []Block{b}, Now{Step: 2, Next: 5000})
	if f := rep.Findings[0]; rep.Pass || f.Reason != ReasonEvidence || f.HarmLimit < 0.199 || f.HarmLimit > 0.201 || rep.RequestsNeeded == 0 {
		t.Errorf("at the next step: pass %t, needed %d, %+v; want a new proof of 0.2 points", rep.Pass, rep.RequestsNeeded, f)
	}
}

// What is said to be needed is about what it takes.
func TestRequestsNeededAreThoseItTakes(t *testing.T) {
	t.Parallel()
	var said, took float64
	for seed := range uint64(40) {
		a, s, r := New(errorRules(0.001)), State{}, newChance(seed)
		requests := uint64(0)
		for tick := range int64(20000) {
			b := block(tick, r.pair(100, 0.05, 0.001, 0.001))
			rep := a.Assess(&s, []Block{b}, step1)
			if tick == 100 {
				said += float64(rep.RequestsNeeded)
			}
			if tick > 100 {
				requests += b.Drawn.Canary.N
			}
			if rep.Pass {
				break
			}
		}
		took += float64(requests)
	}
	if said < took/2 || said > took*2 {
		t.Errorf("said %g requests after 10 s, it took %g", said/40, took/40)
	}
}

func TestSomeEvidenceAgainstTheCanaryHoldsItBack(t *testing.T) {
	t.Parallel()
	a, s := New(errorRules(0.001)), State{}
	a.Learn(&s, Tally{N: 60000, Bad: 60}, nil, 0)
	for tick := int64(10); tick < 400; tick++ {
		p := Pair{Canary: Tally{N: 50}, Stable: Tally{N: 950, Bad: 1}}
		if tick%8 == 0 {
			p.Canary.Bad = 3
		}
		rep := a.Assess(&s, []Block{block(tick, p)}, step1)
		f := rep.Findings[0]
		if f.Evidence >= acceptance && (rep.Pass || rep.Failed < 0 && f.Reason != ReasonDoubt) {
			t.Fatalf("tick %d: evidence %g, pass %t, reason %q", tick, f.Evidence, rep.Pass, f.Reason)
		}
		if f.Evidence >= acceptance {
			return
		}
	}
	t.Error("no evidence against the canary: this test shows nothing")
}
