package analysis

import (
	"testing"

	"sluice/metrics"
)

// Attacks on what is counted, and when. See attacks_test.go.

// Stable's failures are timeouts, the canary's come at once, and both have as many. A first pass over what has ended and a second one over
// what was pending compare the canary's failures with nothing: then its side of the second pass is empty.
func TestWhatIsPendingIsJudgedOnceWithTheRest(t *testing.T) {
	t.Parallel()
	attack{runs: 20, run: func(r chance) (float64, float64) {
		const late = 50 // ticks from an arrival to a timeout
		g, p := newAgainst(errorRules(attackAlpha)), newProcess(1)
		var pending [600]Tally
		for tick := range pending {
			b := r.pair(100, 0.05, 0.02, 0.02)
			pending[tick] = Tally{N: b.Stable.Bad, Bad: b.Stable.Bad}
			atAge := metrics.Counts{Requests: b.Stable.N, Unfinished: b.Stable.Bad}
			g.take(block(int64(tick), Pair{Canary: b.Canary, Stable: TallyOf(atAge)}))
			step(&p, int64(tick)/10, attackLimit, errorOdds)
			p.compare(Pair{Canary: b.Canary, Stable: Tally{N: b.Stable.N - b.Stable.Bad}}, 0.02, line{R: 1.25, D: 0.001}, errorOdds)
			if tick >= late {
				p.compare(Pair{Stable: pending[tick-late]}, 0.02, line{R: 1.25, D: 0.001}, errorOdds)
			}
			g.other(p.logE(6, attackLimit))
		}
		return g.ours, g.most
	}}.check(t)
}

// A request that fails is tried again where it failed, ten times a second for five seconds, and what was wrong with it is wrong again: one
// failure looks like fifty. It goes through the margin, and through the cap, since it takes more than a second.
func TestARetryIsNoTrial(t *testing.T) {
	t.Parallel()
	attack{runs: 40, least: 0.5, run: func(r chance) (float64, float64) {
		g, all := newAgainst(errorRules(attackAlpha)), newAgainst(errorRules(attackAlpha))
		const tries = 50
		var failed [2][tries]uint64 // by tick, the last ones
		for tick := range int64(2000) {
			b := r.pair(100, 0.05, 0.002, 0.002)
			g.take(block(tick, b))
			for side, t := range []*Tally{&b.Canary, &b.Stable} {
				first := t.Bad
				for _, n := range failed[side] {
					t.add(Tally{N: n, Bad: n})
				}
				failed[side][tick%tries] = first
			}
			all.take(block(tick, b))
		}
		return g.ours, all.ours
	}}.check(t)
}

// Every second request fails, wherever it goes: one of two replicas of something behind both versions is dead. A block of exactly two
// arrivals then holds exactly one failure, which is no coin's doing. The clock cuts the stream elsewhere and later.
//
// It can't be made much sharper. In such a block a bet on rates p, q multiplies by p/2q(1-q) or by (1-p)/2q(1-q): its logarithm still falls in the
// mean, and exp of r times it is 1 in the mean for r about 0.52 instead of 1. So 1/alpha is reached with a probability of about alpha^0.52 of
// what was staked, some 4 %. Longer blocks, and other rates, are nearer to independence. 4 of 400 would be chance, and 12 are one in a
// thousand.
func TestBlocksThatCloseAtTheNthArrivalKeepStepWithTheFailures(t *testing.T) {
	t.Parallel()
	rules := errorRules(attackAlpha)
	rules.Rules[0].MaxRatio = 1
	attack{runs: 400, least: 0.03, run: func(r chance) (float64, float64) {
		g, p := newAgainst(rules), newProcess(1)
		var open, tick Pair
		arrivals := 0
		for now := range int64(600) {
			tick = Pair{}
			step(&p, now/10, attackLimit, errorOdds)
			for range r.poisson(10) {
				arrivals++
				one := Tally{N: 1, Bad: uint64(arrivals % 2)}
				b := Pair{Stable: one}
				if r.Float64() < 0.5 {
					b = Pair{Canary: one}
				}
				tick.add(b)
				if open.add(b); open.Canary.N+open.Stable.N == 2 {
					p.compare(open, 0.5, line{R: 1}, errorOdds)
					open = Pair{}
					g.other(p.logE(6, attackLimit))
				}
			}
			b := block(now, tick)
			b.Weight = 5000
			g.take(b)
		}
		return g.ours, g.most
	}}.check(t)
}
