package analysis

import "testing"

// harmRules are those of an attempt with a blast radius of so much.
func harmRules(blast float64) Rules {
	r := errorRules(0.001)
	r.BlastRadius = blast
	return r
}

func TestAHarmThatNoCanaryCanDoIsProvenAtOnce(t *testing.T) {
	t.Parallel()
	a, s, r := New(harmRules(0.5)), State{}, newChance(1) // 50 % of all traffic may fail: at 25 % every canary request may
	rep := a.Assess(&s, []Block{block(0, r.pair(100, 0.05, 0, 0))}, Now{Step: 1, Next: 2500, MinRequests: 1})
	if f := rep.Findings[0]; !rep.Pass || rep.RequestsNeeded != 0 || f.HarmLimit != 100 {
		t.Errorf("pass %t, needed %d, %+v; want a pass at the first look", rep.Pass, rep.RequestsNeeded, f)
	}
}

// However much stable fails, and whatever the file allows, a canary that is as good gets on.
func TestALineAboveEveryRateDoesNotHoldACanaryThatIsAsGood(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rate  float64
		blast float64
		rule  func(*Rule)
	}{
		"stable fails most requests":        {0.9, 0.001, func(*Rule) {}},
		"a wide blast radius, stable fails": {0.6, 0.1, func(*Rule) {}},
		"a factor of a thousand":            {0.05, 0.001, func(r *Rule) { r.MaxRatio = 1000 }},
		"a hundred points":                  {0.05, 0.001, func(r *Rule) { r.MaxIncrease = 100 }},
		"a limit of 100 %":                  {0.05, 0.001, func(r *Rule) { r.HasMax, r.Max = true, 100 }},
		"everything":                        {0.3, 1, func(r *Rule) { r.MaxRatio, r.MaxIncrease, r.HasMax, r.Max = 1000, 100, true, 100 }},
	} {
		rules := harmRules(c.blast)
		c.rule(&rules.Rules[0])
		a, s, r := New(rules), State{}, newChance(1)
		passed := false
		for tick := range int64(6000) {
			rep := a.Assess(&s, []Block{block(tick, r.pair(400, 0.05, c.rate, c.rate))}, step1)
			if rep.Failed >= 0 {
				t.Fatalf("%s: rolled back at tick %d: %+v", name, tick, rep.Findings[0])
			}
			if passed = rep.Pass; passed {
				t.Logf("%s: passed at tick %d", name, tick)
				break
			}
		}
		if !passed {
			t.Errorf("%s: not accepted in 10 minutes: %+v", name, a.report.Findings[0])
		}
	}
}

// A canary that does as much harm as the next step allows passes once in twenty at most, also where stable fails so much that the line
// leaves the rates.
func TestHarmBesideALineAboveEveryRateIsStillBounded(t *testing.T) {
	t.Parallel()
	const runs = 200
	accepted := 0
	for seed := range runs {
		a, s, r := New(harmRules(0.1)), State{}, newChance(uint64(seed)) // 40 points at 25 %
		for tick := range int64(600) {
			pb := 0.7 // the bets learn of a stable that fails much, then it fails less and the canary always
			if tick >= 20 {
				pb = 0.45
			}
			pc := min(1, defaultRatio*pb+0.4)
			a.Assess(&s, []Block{block(tick, r.pair(100, 0.05, pc, pb))}, step1)
			if tick >= 20 && s.Tests[0].Trials.Harm.logE(3, harmCap) >= logAcceptance {
				accepted++
				break
			}
			if tick == 19 {
				s.Tests[0].Trials.Harm = newProcess(1)
			}
		}
	}
	if accepted > runs/10 {
		t.Errorf("accepted %d of %d", accepted, runs)
	}
}

// On a sticky route the proof needs users, however many requests each of them sends.
func TestTheTimeNeededOnAStickyRouteIsThatOfUsers(t *testing.T) {
	t.Parallel()
	rules := harmRules(0.001)
	rules.Sticky = true
	a, s := New(rules), State{}
	var rep *Report
	for tick := range int64(100) { // 10 s: 5 users a second on the canary, each with 10 requests
		b := block(tick, Pair{Canary: Tally{N: 5}, Stable: Tally{N: 95}})
		if tick%2 == 0 {
			b.Firsts = Pair{Canary: Tally{N: 1}, Stable: Tally{N: 19}}
		}
		rep = a.Assess(&s, []Block{b}, step1)
	}
	byUsers := float64(rep.RequestsNeeded) / 5
	if got := rep.TimeNeeded.Seconds(); rep.RequestsNeeded == 0 || got < byUsers*0.9 || got > byUsers*1.1 {
		t.Errorf("%d users need %gs at 5 a second, said %gs", rep.RequestsNeeded, byUsers, got)
	}
}
