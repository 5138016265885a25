package analysis

import (
	"cmp"
	"math"
	"testing"
	"time"
)

// Each attack is a stream in which the canary is no worse than stable, and a rule that looks right and falls for it. The rule in force must
// hold; the other one is run beside it, so that the test shows that the attack is one. alpha is 0.01 here: fewer runs show more.
const attackAlpha = 0.01

var attackLimit = -math.Log(attackAlpha) / 2

type attack struct {
	runs int
	// run gives the greatest evidence, as a logarithm, of the rule in force and of the other.
	run func(chance) (ours, other float64)
	// least is the share of the runs in which the other rule falls for it; 0 is a tenth.
	least float64
}

func (a attack) check(t *testing.T) {
	t.Helper()
	ours, others := 0, 0
	for seed := range a.runs {
		e, o := a.run(newChance(uint64(seed)))
		if e >= -math.Log(attackAlpha) {
			ours++
		}
		if o >= -math.Log(attackAlpha) {
			others++
		}
	}
	t.Logf("false rollbacks: the rule in force %d of %d, the other rule %d", ours, a.runs, others)
	// At a true rate of 0.01, 3 of 40 or 3 of 30 have probabilities of 0.0075 and 0.003. The seeds are fixed.
	if float64(ours) > 0.05*float64(a.runs) {
		t.Errorf("false rollbacks in %d of %d runs, want about %g of them", ours, a.runs, attackAlpha)
	}
	if float64(others) < cmp.Or(a.least, 0.1)*float64(a.runs) {
		t.Errorf("the other rule was taken in by %d of %d runs: the attack is none", others, a.runs)
	}
}

// against is a test with the rule in force and one with another, side by side.
type against struct {
	a          *Assessor
	s          State
	ours, most float64
}

func newAgainst(r Rules) *against {
	r.Confidence = 1 - attackAlpha
	return &against{a: New(r), ours: broke, most: broke}
}

func (g *against) take(b Block) {
	g.a.Assess(&g.s, []Block{b}, Now{Step: b.Step, Next: b.Next})
	e, _ := g.s.Tests[0].margin(&g.a.how[0], g.a.clock.limit)
	g.ours = max(g.ours, e)
}

func (g *against) other(e float64) { g.most = max(g.most, e) }

// step is a second's begin in a process outside an Assessor.
func step(p *Process, second int64, limit float64, g grid) {
	if p.begins(second) {
		p.begin(second, p.Cash, limit, g.prior)
	}
}

func TestTheShareThatWasConfiguredIsNotTheShareThatCame(t *testing.T) {
	t.Parallel()
	attack{runs: 40, run: func(r chance) (float64, float64) {
		g, p := newAgainst(errorRules(attackAlpha)), newProcess(1)
		for tick := range int64(1200) {
			b := r.pair(100, 0.01, 0.01, 0.01) // 5 % configured, 1 % real: stable gets more of the failures than it should
			g.take(block(tick, b))
			step(&p, tick/10, attackLimit, errorOdds)
			for k, theta := range errorOdds.theta { // the other way round: the bet on stable's excess looks sure
				pc := worse(0.01, theta)
				qb, qc, _ := project(0.01, pc, 0.05, line{R: 1})
				p.win(k, factor(float64(b.Canary.Bad), float64(b.Canary.N), pc, qc)+factor(float64(b.Stable.Bad), float64(b.Stable.N), 0.01, qb))
			}
			g.other(p.logE(6, attackLimit))
		}
		return g.ours, g.most
	}}.check(t)
}

// Failures end at once, successes take 10 s. By completion, a young canary has many failures and few successes.
func TestFastFailuresAmongSlowSuccessesAreNoFailingCanary(t *testing.T) {
	t.Parallel()
	attack{runs: 40, run: func(r chance) (float64, float64) {
		const slow = 100
		g, p := newAgainst(errorRules(attackAlpha)), newProcess(1)
		var canary, stable [600]Tally
		for tick := range canary {
			b := r.pair(100, 0.05, 0.005, 0.005)
			canary[tick], stable[tick] = b.Canary, b.Stable
			g.take(block(int64(tick), b))
			done := Pair{Canary: Tally{N: b.Canary.Bad, Bad: b.Canary.Bad}, Stable: Tally{N: b.Stable.Bad, Bad: b.Stable.Bad}}
			if tick >= slow {
				done.Canary.N += canary[tick-slow].N - canary[tick-slow].Bad
				done.Stable.N += stable[tick-slow].N - stable[tick-slow].Bad
			} else {
				done.Stable.N += 95 // stable has been up for long
			}
			step(&p, int64(tick)/10, attackLimit, errorOdds)
			p.compare(done, 0.005, line{R: 1.25, D: 0.001}, errorOdds)
			g.other(p.logE(6, attackLimit))
		}
		return g.ours, g.most
	}}.check(t)
}

// Whatever takes everything down for 30 s is not the canary's fault, though it is over its limit beyond doubt.
func TestASharedOutageIsNotTheCanarysFault(t *testing.T) {
	t.Parallel()
	rules := errorRules(attackAlpha)
	rules.Rules[0].Max, rules.Rules[0].HasMax, rules.Rules[0].Alone = 1, true, true
	attack{runs: 20, run: func(r chance) (ours, other float64) {
		a, s := New(rules), State{}
		ours, other = broke, broke
		unhealthy := false
		for tick := range int64(900) {
			p := 0.001
			if tick > 300 && tick < 600 {
				p = 0.3
			}
			rep := a.Assess(&s, []Block{block(tick, r.pair(100, 0.05, p, p))}, step1)
			blamed, over, _ := s.Tests[0].limit(&a.how[0], a.clock.limit)
			ours, other = max(ours, blamed), max(other, over)
			unhealthy = unhealthy || rep.StableUnhealthy
			if tick == 899 && (rep.StableUnhealthy || !unhealthy) {
				t.Errorf("stable unhealthy in the outage: %t, after it: %t, want true, false", unhealthy, rep.StableUnhealthy)
			}
		}
		return ours, other
	}}.check(t)
}

// To excuse the canary once stable's own evidence is over the limit is too late where stable has little traffic.
func TestStableNeedNotProveItselfBadBeforeTheCanaryIsExcused(t *testing.T) {
	t.Parallel()
	rules := errorRules(attackAlpha)
	rules.Rules[0].Max, rules.Rules[0].HasMax, rules.Rules[0].Alone = 1, true, true
	attack{runs: 40, run: func(r chance) (ours, other float64) {
		a, s, stable := New(rules), State{}, newProcess(1)
		ours, other = broke, broke
		for tick := range int64(1200) {
			b := block(tick, r.pair(50, 0.95, 0.02, 0.02))
			b.Weight = 9500
			a.Assess(&s, []Block{b}, Now{Step: 1})
			blamed, over, _ := s.Tests[0].limit(&a.how[0], a.clock.limit)
			ours = max(ours, blamed)
			step(&stable, tick/10, attackLimit, errorOdds)
			stable.exceed(b.Drawn.Stable, 0.01, errorOdds)
			if stable.logE(6, attackLimit) < -math.Log(attackAlpha) {
				other = max(other, over)
			}
		}
		return ours, other
	}}.check(t)
}

// The weight and the error rate change together. A block over two weights compares a bad time of few canaries with a good one of many.
func TestABlockThatSpansTwoWeightsComparesTwoTimes(t *testing.T) {
	t.Parallel()
	attack{runs: 40, run: func(r chance) (float64, float64) {
		g, blind := newAgainst(errorRules(attackAlpha)), newAgainst(errorRules(attackAlpha))
		for tick := range int64(6000) {
			w, p := 0.1, 0.001
			if tick/3%2 == 1 {
				w, p = 0.5, 0.2
			}
			b := block(tick, r.pair(3, w, p, p))
			blind.take(b)
			b.Weight = uint16(10000 * w)
			g.take(b)
		}
		return g.ours, blind.ours
	}}.check(t)
}

// One pod of twenty answers nothing for 0.2 s. Every pod does so at times; the canary has one.
func TestABlipOfOnePodDecidesNothing(t *testing.T) {
	t.Parallel()
	attack{runs: 20, run: func(r chance) (float64, float64) {
		g, uncapped := newAgainst(errorRules(attackAlpha)), newAgainst(errorRules(attackAlpha))
		uncapped.a.clock.limit = math.Inf(1)
		blip := int64(200 + 10*r.IntN(100))
		for tick := range int64(1500) {
			pc := 0.001
			if tick == blip || tick == blip+1 {
				pc = 1
			}
			b := block(tick, r.pair(100, 0.05, pc, 0.001))
			g.take(b)
			uncapped.take(b)
		}
		return g.ours, uncapped.ours
	}}.check(t)
}

// A process that stops whenever it has lost, and goes on from what it had written before, keeps its wins. One that folds does not.
func TestEvidenceThatWasLostInACrashIsNotGivenBack(t *testing.T) {
	t.Parallel()
	rules := errorRules(attackAlpha)
	rules.Rules[0].MaxRatio = 1
	attack{runs: 40, run: func(r chance) (ours, other float64) {
		var states [2]State
		var saved [2]State
		as := [2]*Assessor{New(rules), New(rules)}
		e := [2]float64{broke, broke}
		for tick := range int64(3000) {
			b := block(tick, r.pair(100, 0.05, 0.01, 0.01))
			for i, a := range as {
				a.Assess(&states[i], []Block{b}, step1)
				now, _ := states[i].Tests[0].margin(&a.how[0], a.clock.limit)
				e[i] = max(e[i], now)
				if tick%10 != 9 {
					continue
				}
				if was, _ := lastEvidence(a, &saved[i]); tick > 10 && now < was {
					last := states[i].Last
					states[i] = saved[i].Clone()
					states[i].Last = last
					if i == 0 {
						states[i].Fold(FoldedByCrash)
					}
				}
				saved[i] = states[i].Clone()
			}
		}
		return e[0], e[1]
	}}.check(t)
}

func lastEvidence(a *Assessor, s *State) (float64, bool) {
	if len(s.Tests) == 0 {
		return broke, false
	}
	return s.Tests[0].margin(&a.how[0], a.clock.limit)
}

// ln(w rho + 1 - w) has to be taken at the block's own share.
func TestLatencyOddsAreThoseOfTheShareThatCame(t *testing.T) {
	t.Parallel()
	rules := Rules{Rules: []Rule{{Check: Check{Name: "latency", Metric: Latency}}}, Steps: 4, Duration: 40 * time.Minute}
	attack{runs: 10, run: func(r chance) (float64, float64) {
		g, p := newAgainst(rules), newProcess(1)
		for tick := int64(9); tick < 1000; tick += 10 {
			l := r.latencies(5, 495, 1) // 5 % configured, 1 % real
			t, o := g.a.odds[0].compare, (*Order)(nil)
			if len(g.s.Tests) > 0 {
				o = g.s.Tests[0].Order
			}
			step(&p, tick/10, attackLimit, slower)
			if o != nil && o.ready(t, tick/10) {
				for k := range slower.theta {
					p.win(k, fixedShare(l, t, k, 0.05))
				}
				g.other(p.logE(8, attackLimit))
			}
			b := block(tick, Pair{})
			b.Latency = l
			g.take(b)
		}
		return g.ours, g.most
	}}.check(t)
}

// fixedShare is what alternative k wins with a table made for the share w.
func fixedShare(l *Latencies, t *odds, k int, w float64) (won float64) {
	for i := range numLadder {
		c, b := float64(l.Canary.at(i)), float64(l.Stable.at(i))
		if c > 0 {
			won += c * (t.log[k][i] - math.Log1p(w*(t.rho[k][i]-1)))
		}
		if b > 0 {
			won -= b * math.Log1p(w*(t.rho[k][t.raised[i].to]-1))
		}
	}
	return won
}
