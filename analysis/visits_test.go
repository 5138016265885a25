package analysis

import (
	"math"
	"strings"
	"testing"
	"time"
)

// shop is a route whose visits close: so many a second, of which the shares convert.
type shop struct {
	chance
	a      *Assessor
	s      State
	tick   int64
	weight uint16 // when they came
	now    Now
	last   *Report
}

func newShop(seed uint64, rules ...Rule) *shop {
	return &shop{
		chance: newChance(seed), weight: 1000, now: Now{Step: 1, Next: 2500, MinRequests: 100},
		a: New(Rules{Rules: rules, Confidence: 0.95, Steps: 4, Duration: 40 * time.Minute}),
	}
}

func conversions(change func(*Rule)) Rule {
	r := Rule{Check: Check{Name: "conversion-rate", Metric: Conversions}}
	if change != nil {
		change(&r)
	}
	return r
}

// close judges a tick in which visits close.
func (s *shop) close(p Pair) *Report {
	b := Block{Tick: s.tick, Weight: 1000, Step: 1, Next: 2500, Visits: p, VisitsWeight: s.weight}
	b.Drawn = Pair{Canary: Tally{N: 10}, Stable: Tally{N: 90}}
	b.Judged = b.Drawn.Canary
	s.tick += 20 // visits come in blocks of two seconds
	s.last = s.a.Assess(&s.s, []Block{b}, s.now)
	return s.last
}

// run closes visits until a rollback, at most for so long; the time it took, 0 for none.
func (s *shop) run(d time.Duration, perSecond, canary, stable float64) time.Duration {
	w := float64(s.weight) / 10000
	for n := range int64(d / (2 * time.Second)) {
		if s.close(s.pair(2*perSecond, w, 1-canary, 1-stable)).Failed >= 0 {
			return time.Duration(n+1) * 2 * time.Second
		}
	}
	return 0
}

// 200 attempts of half an hour and 72,000 users each at a confidence of 95 %: three standard errors above 5 % are 9.6 %.
// (400 of an hour and 144,000 users, judged every half second: 1, 5, 13 and 3 of them.)
func TestACanaryThatConvertsAsWellIsRarelyRolledBack(t *testing.T) {
	t.Parallel()
	const runs, most = 200, 19
	for _, c := range []struct {
		name string
		rule Rule
		rate float64
	}{
		{"2 %, the default margin", conversions(nil), 0.02},
		{"2 %, hardly a margin", conversions(func(r *Rule) { r.MaxDecrease = 0.001 }), 0.02},
		{"30 %, hardly a margin", conversions(func(r *Rule) { r.MaxDecrease = 0.001 }), 0.30},
		{"2 %, at a limit of 2 %", conversions(func(r *Rule) { r.Min, r.HasMin, r.Alone = 2, true, true }), 0.02},
	} {
		rolled := 0
		for seed := range uint64(runs) {
			if newShop(seed, c.rule).run(30*time.Minute, 40, c.rate, c.rate) > 0 {
				rolled++
			}
		}
		t.Logf("%s: %d of %d rolled back", c.name, rolled, runs)
		if rolled > most {
			t.Errorf("%s: %d of %d rolled back, want at most %d", c.name, rolled, runs, most)
		}
	}
}

func TestHalfTheConversionsAreARollback(t *testing.T) {
	t.Parallel()
	var longest time.Duration
	for seed := range uint64(40) {
		s := newShop(seed, conversions(nil))
		s.a = New(Rules{Rules: s.a.rules.Rules, Confidence: 0.999, Steps: 4, Duration: 40 * time.Minute})
		took := s.run(time.Hour, 200, 0.02, 0.04)
		if took == 0 {
			t.Errorf("seed %d: no rollback in an hour; evidence %g", seed, s.last.Findings[0].Evidence)
			continue
		}
		longest = max(longest, took)
		f := s.last.Findings[0]
		if f.Verdict != Fail || f.Standing != ProvenWorse || f.Value > 4 || f.StableValue < 2 || f.Samples == 0 || f.Line > f.StableValue {
			t.Errorf("seed %d: finding %+v", seed, f)
		}
		if n := f.Numbers(); !strings.Contains(n, "users converted") {
			t.Errorf("seed %d: %q, want numbers of users", seed, n)
		}
	}
	t.Logf("the slowest of 40 took %v", longest)
}

func TestWhatIsWithinTheMarginIsNoRollback(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ canary, stable float64 }{{0.03, 0.04}, {0.06, 0.04}, {0.5, 0.04}, {0, 0}, {1, 1}} {
		for seed := range uint64(6) {
			s := newShop(seed, conversions(func(r *Rule) { r.MaxDecrease = 1 }))
			s.a = New(Rules{Rules: s.a.rules.Rules, Confidence: 0.999, Steps: 4, Duration: 40 * time.Minute})
			if s.run(30*time.Minute, 40, c.canary, c.stable) > 0 {
				t.Errorf("seed %d: %g beside %g rolled back with a margin of one point", seed, c.canary, c.stable)
			}
		}
	}
}

func TestALimitThatStableBreaksTooBlamesNobody(t *testing.T) {
	t.Parallel()
	limit := conversions(func(r *Rule) { r.Min, r.HasMin = 5, true })
	s := newShop(1, limit)
	if s.run(time.Hour, 40, 0.03, 0.03) > 0 || s.last.Findings[0].Reason != ReasonUnhealthy {
		t.Errorf("both at 3 %% under a limit of 5 %%: %+v", s.last.Findings[0])
	}
	s = newShop(1, conversions(func(r *Rule) { r.Min, r.HasMin, r.MaxDecrease = 5, true, 90 }))
	if s.run(time.Hour, 40, 0.03, 0.08) == 0 || !s.last.Findings[0].OverLimit {
		t.Errorf("the canary alone under its limit: %+v", s.last.Findings[0])
	}
	if odds := s.last.Findings[0].Odds(); !strings.Contains(odds, "within the limit of 5%") {
		t.Errorf("%q does not name the limit", odds)
	}
}

// Rates that rise while the canary's share falls: pooled, the canary would look worse than stable in every block.
func TestVisitsOfTwoWeightsAreNeverCompared(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		s := newShop(seed, conversions(nil))
		for n := range 2000 {
			rate := 0.05
			if s.weight = 5000; n%2 == 1 {
				s.weight, rate = 500, 0.60
			}
			w := float64(s.weight) / 10000
			if s.close(s.pair(30, w, 1-rate, 1-rate)).Failed >= 0 {
				t.Fatalf("seed %d: rolled back after %d blocks: %+v", seed, n, s.last.Findings[0])
			}
		}
	}
}

func TestAdvancingDoesNotWaitForVisitsBesideAnotherCheck(t *testing.T) {
	t.Parallel()
	s := newShop(1, Rule{Check: Check{Name: "error-rate", Metric: ErrorRate}}, conversions(nil))
	for range 100 {
		s.close(Pair{})
	}
	f := s.last.Findings[1]
	if !s.last.Pass || s.last.RequestsNeeded != 0 || f.Verdict != Insufficient || f.Reason != ReasonRequests || !f.Optional {
		t.Errorf("no visit has closed: pass %v, %d needed, finding %+v", s.last.Pass, s.last.RequestsNeeded, f)
	}
	if f.Value != 0 || f.StableValue != 0 {
		t.Errorf("nobody's conversion rate is %g and %g, want 0", f.Value, f.StableValue)
	}
	for range 500 { // some doubt holds it all the same
		s.close(Pair{Canary: Tally{N: 10, Bad: 10}, Stable: Tally{N: 90, Bad: 86}})
	}
	if f = s.last.Findings[1]; s.last.Pass {
		t.Errorf("the canary converts nobody, and passes: %+v", f)
	}
}

func TestAloneItWaitsForUsersOfTheStep(t *testing.T) {
	t.Parallel()
	s := newShop(1, conversions(nil))
	for range 100 {
		s.close(Pair{})
	}
	if f := s.last.Findings[0]; s.last.Pass || s.last.RequestsNeeded != 100 || f.Optional || f.Reason != ReasonRequests {
		t.Errorf("no visit has closed: pass %v, %d users needed, finding %+v", s.last.Pass, s.last.RequestsNeeded, f)
	}
	for range 6 {
		s.close(Pair{Canary: Tally{N: 10, Bad: 9}, Stable: Tally{N: 90, Bad: 81}})
	}
	if s.last.RequestsNeeded != 40 || s.last.TimeNeeded == 0 {
		t.Errorf("after 60 users of 100: %d needed in %v", s.last.RequestsNeeded, s.last.TimeNeeded)
	}
	s.weight = 500 // those came before this step's weight
	for range 10 {
		s.close(Pair{Canary: Tally{N: 10, Bad: 9}, Stable: Tally{N: 90, Bad: 81}})
	}
	if s.last.RequestsNeeded != 40 {
		t.Errorf("users of the step before were counted: %d needed, want 40", s.last.RequestsNeeded)
	}
	s.weight = 1000
	for range 4 {
		s.close(Pair{Canary: Tally{N: 10, Bad: 9}, Stable: Tally{N: 90, Bad: 81}})
	}
	if !s.last.Pass || s.last.Findings[0].Samples != 200 {
		t.Errorf("100 users of the step: pass %v, finding %+v, want 200 users of the attempt", s.last.Pass, s.last.Findings[0])
	}
	s.a.Restart(s.tick) // another step: it needs its own, and the numbers of the attempt stay
	if s.close(Pair{}); s.last.Findings[0].Samples != 200 || s.last.RequestsNeeded != 100 {
		t.Errorf("a new step: finding %+v, %d needed", s.last.Findings[0], s.last.RequestsNeeded)
	}
	s.s = State{}
	if s.close(Pair{}); s.last.Findings[0].Samples != 0 {
		t.Errorf("a new attempt shows the numbers of the one before: %+v", s.last.Findings[0])
	}
}

func TestConversionsGoOnFromTheirState(t *testing.T) {
	t.Parallel()
	s := newShop(3, conversions(nil))
	s.run(10*time.Minute, 40, 0.03, 0.04)
	before := s.last.Findings[0].Evidence
	s.s, s.a = s.s.Clone(), New(s.a.rules) // as after a restart
	after := s.a.Assess(&s.s, nil, s.now).Findings[0].Evidence
	if math.Abs(after-before) > 1e-9*before || before == 1 {
		t.Errorf("evidence was %g and is %g", before, after)
	}
}

func TestABlockLogKeepsTheVisitsWeight(t *testing.T) {
	t.Parallel()
	b := Block{Tick: 9, Weight: 2500, Visits: Pair{Canary: Tally{N: 4, Bad: 3}, Stable: Tally{N: 96, Bad: 90}}, VisitsWeight: 500}
	got, rest, err := ReadBlock(AppendBlock(nil, &b))
	if err != nil || len(rest) > 0 || got.VisitsWeight != 500 || got.Visits != b.Visits {
		t.Errorf("read %+v, %v", got, err)
	}
}

// People who come often buy often, or never. Counted at each visit they roll back a good canary; counted once they don't.
func TestUsersWhoComeBackCountOnce(t *testing.T) {
	t.Parallel()
	const runs, users, visits = 30, 2000, 120
	rolled := func(rounds int) (n int) {
		for seed := range uint64(runs) {
			s := newShop(seed, conversions(nil))
			s.a = New(Rules{Rules: s.a.rules.Rules, Confidence: 0.999, Steps: 4, Duration: 40 * time.Minute})
			var canary, buys [users]bool
			for i := range users {
				canary[i], buys[i] = s.Float64() < 0.1, s.Float64() < 0.3
			}
			for at := range rounds * users / 100 {
				var p Pair
				for i := range 100 {
					who := (at*100 + i) % users
					one := side(canary[who], &p.Canary, &p.Stable)
					if one.N++; !buys[who] {
						one.Bad++
					}
				}
				if s.close(p).Failed >= 0 {
					n++
					break
				}
			}
		}
		return n
	}
	once, each := rolled(1), rolled(visits)
	t.Logf("false rollbacks: counted once %d of %d, counted at each visit %d", once, runs, each)
	if once > 0 || each < 3 {
		t.Errorf("false rollbacks: counted once %d of %d, at each visit %d; want none, and some", once, runs, each)
	}
}
