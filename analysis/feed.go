package analysis

import (
	"time"

	"sluice/metrics"
)

// prove begins the proof that the next step's harm is bounded, anew for each step.
func (a *Assessor) prove(t *Test, i int, b *Block) {
	c := &a.rules.Rules[i]
	if t.Trials == nil || c.Metric != ErrorRate || a.rules.BlastRadius <= 0 {
		return
	}
	l := a.harmLine(c, b.Next)
	if b.Next > 0 && (!t.Trials.HasHarm || t.Trials.HarmStep != b.Step || t.Trials.HarmLine != l) {
		t.Trials.Harm = newProcess(1)
		t.Trials.HarmStep, t.Trials.HarmLine = b.Step, l
	}
	t.Trials.HasHarm = b.Next > 0
}

// harmLine is p_c = R p_b + min(B / next weight, maxIncrease). At 1 it is more than any canary can do.
func (a *Assessor) harmLine(c *Rule, next uint16) line {
	m, fixed := c.margin()
	d := a.rules.BlastRadius / (float64(max(next, 1)) / 10000)
	if fixed && m.D > 0 {
		d = min(d, m.D)
	}
	return line{R: m.R, D: min(d, 1)}
}

// test feeds one rule with a block.
func (a *Assessor) test(s *State, i int, b *Block) {
	t, c, w := &s.Tests[i], &a.rules.Rules[i], &a.shown[i]
	switch c.Metric {
	case ErrorRate:
		if a.shows(b.Tick - b.length() + 1) {
			w.pair.add(b.Drawn)
			w.judged.add(b.Judged)
			w.late.add(b.Late)
			w.firsts += b.Firsts.Canary.N
		}
		pair, judged := b.Drawn, b.Judged
		if a.rules.Sticky {
			pair, judged = b.Firsts, b.Firsts.Canary
			a.users(t, i, b.Users)
		}
		a.trials(t, i, pair, judged, b.Tick, b.length())
	case Conversions:
		a.visits(t, i, b)
	case Latency:
		if b.Latency != nil && b.Tick-s.First >= int64(a.rules.Warmup/(100*time.Millisecond)) {
			a.latency(t, i, b)
		}
	}
}

func (a *Assessor) trials(t *Test, i int, p Pair, judged Tally, tick, length int64) {
	if t.Trials.add(p, judged, tick, length) {
		t.Trials.bet(&a.how[i], &a.clock)
	}
}

// latency is a second of arrivals, or half a one.
func (a *Assessor) latency(t *Test, i int, b *Block) {
	c, l := &a.rules.Rules[i], b.Latency
	if a.shows(b.Tick - l.ticks() + 1) {
		a.shown[i].latency(l)
	}
	for _, o := range []struct {
		order *Order
		odds  *odds
	}{{t.Order, a.odds[i].compare}, {t.LimitOrder, a.odds[i].limit}} {
		if o.order != nil {
			a.clock.begin(&o.order.W, slower)
			o.order.look(l, o.odds, a.clock.second)
		}
	}
	limit := time.Duration(c.Max * float64(time.Millisecond))
	if t.Mean != nil {
		a.clock.begin(t.Mean, meanBets)
		t.Mean.above(&l.Judged.Good, float64(limit))
	}
	if t.Trials != nil {
		pair := Pair{Canary: l.Canary.above(limit), Stable: l.Stable.above(limit)}
		a.trials(t, i, pair, l.Judged.above(limit), b.Tick, l.ticks())
	}
}

// users is what a block says of users, on a sticky route.
func (a *Assessor) users(t *Test, i int, u *metrics.Users) {
	if u == nil {
		return
	}
	later := a.rules.components()
	if t.Rank != nil {
		m := t.Trials.margin(&a.how[i])
		if t.Rank.Rho == 0 {
			t.Rank.Rho = m.R + m.D/t.Trials.Learned.rate()
		}
		t.Rank.take(u, m.R, later, &a.clock)
	}
	if t.LimitRank != nil {
		t.LimitRank.Rho = 1
		t.LimitRank.take(u, 1, later, &a.clock)
	}
}

// components are those of a Rank that are expected after its first.
func (r *Rules) components() int { return max(r.Steps-1, 1) + int(r.Duration/(10*time.Minute)) }

// shown is the window of one rule since the step began.
type shown struct {
	pair           Pair
	judged         Tally
	late           Late
	firsts         uint64 // the canary's users of a sticky route, once an epoch
	users          uint64 // the canary's visits that came at the present weight, and are closed
	canary, stable metrics.Histogram
	cached         cached
}

func (w *shown) latency(l *Latencies) {
	w.canary.Add(&l.Judged.Good)
	w.stable.Add(&l.Stable.Good)
	w.judged.add(Tally{N: l.Judged.N(), Bad: l.Judged.Bad})
	w.late.add(Late{Canary: l.Judged.Late, Stable: l.Stable.Late})
	w.pair.add(Pair{Canary: Tally{N: l.Canary.N(), Bad: l.Canary.Bad}, Stable: Tally{N: l.Stable.N(), Bad: l.Stable.Bad}})
}
