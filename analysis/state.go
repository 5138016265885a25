package analysis

import (
	"slices"
	"time"
)

// evidenceFormat of State.
const evidenceFormat = 1

// State is the evidence of one attempt: plain data that is kept, as JSON, over restarts and reloads. Evidence runs on over steps and is never
// reset upward. The windows that are shown (values, samples) are not in it: they begin anew.
type State struct {
	Format int `json:"format"`
	// Last is the newest tick that was judged, First the attempt's first.
	Last  int64 `json:"last"`
	First int64 `json:"first"`
	Begun bool  `json:"begun"`
	// Weight and Step of the newest block. Steps were begun in all, repeats included.
	Weight uint16 `json:"weight"`
	Step   int    `json:"step"`
	Steps  int    `json:"steps"`
	// Folded is why the bets were given up last, "" if they never were.
	Folded string `json:"folded,omitempty"`
	// Tests in the order of the rules.
	Tests []Test `json:"tests"`
}

// Test is the evidence of one rule.
type Test struct {
	Name string `json:"name"`
	// Digest says which rule this is evidence for.
	Digest string `json:"digest"`
	// Trials of good or bad, Order of whole distributions, Mean of an absolute limit to a mean; Rank and LimitRank by user on sticky routes.
	Trials     *Trials  `json:"trials,omitempty"`
	Order      *Order   `json:"order,omitempty"`
	Mean       *Process `json:"mean,omitempty"`
	LimitOrder *Order   `json:"limitOrder,omitempty"`
	Rank       *Rank    `json:"rank,omitempty"`
	LimitRank  *Rank    `json:"limitRank,omitempty"`
	// Crossed says which evidence reached its threshold, at any look: it stays.
	Crossed string `json:"crossed,omitempty"`
	// At is the evidence and its threshold, as logarithms, of the look at which it crossed.
	At      float64 `json:"at,omitempty"`
	AtLimit float64 `json:"atLimit,omitempty"`
}

// What crossed.
const (
	crossedMargin = "margin"
	crossedLimit  = "limit"
)

// look latches the evidence that has reached its threshold: it is looked at after every block, though verdicts may be asked for less often.
func (t *Test) look(e *strength, need *thresholds) {
	if t.Crossed != "" {
		return
	}
	if e.compared && e.margin >= need.compare {
		t.Crossed, t.At, t.AtLimit = crossedMargin, e.margin, need.compare
	}
	if e.limited && e.limit >= need.limit {
		t.Crossed, t.At, t.AtLimit = crossedLimit, e.limit, need.limit
	}
}

// strength is a test's evidence as logarithms: against the margin where it is compared, against the limit where it has one (over is against
// the limit whoever breaks it).
type strength struct {
	margin, limit, over float64
	compared, limited   bool
}

func (t *Test) strength(h *how, limit float64) (e strength) {
	e.margin, e.compared = t.margin(h, limit)
	e.limit, e.over, e.limited = t.limit(h, limit)
	return e
}

// margin is the logarithm of the evidence that the canary is beyond its margin; ok says that there is a comparison.
func (t *Test) margin(h *how, limit float64) (logE float64, ok bool) {
	switch {
	case t.Order != nil:
		return t.Order.W.logE(len(slower.theta), limit), true
	case t.Rank != nil:
		return t.Rank.logE(limit), true
	case h.compare:
		return t.Trials.Compare.logE(len(h.grid.theta), limit), true
	}
	return 0, false
}

// limit is the logarithm of the evidence that the canary, and not all, is over the absolute limit: the smaller of the evidence over it and
// of the evidence that it is worse than stable. over is the first alone.
func (t *Test) limit(h *how, limit float64) (logE, over float64, ok bool) {
	switch {
	case !h.limited:
		return 0, 0, false
	case t.Mean != nil:
		over = t.Mean.logE(len(meanBets.theta), limit)
		return min(over, t.LimitOrder.W.logE(len(slower.theta), limit)), over, true
	}
	over = t.Trials.Over.logE(len(h.grid.theta), limit)
	if t.LimitRank != nil {
		return min(over, t.LimitRank.logE(limit)), over, true
	}
	return min(over, t.Trials.Worse.logE(len(h.grid.theta), limit)), over, true
}

// Clone is a copy that shares nothing.
func (s *State) Clone() State {
	c := *s
	c.Tests = slices.Clone(s.Tests)
	for i := range c.Tests {
		t := &c.Tests[i]
		t.Trials, t.Mean = copied(t.Trials), copied(t.Mean)
		t.Order, t.LimitOrder = t.Order.clone(), t.LimitOrder.clone()
		t.Rank, t.LimitRank = t.Rank.clone(), t.LimitRank.clone()
	}
	return c
}

func (o *Order) clone() *Order {
	if o = copied(o); o != nil {
		o.Learned, o.Model = slices.Clone(o.Learned), slices.Clone(o.Model)
	}
	return o
}

func (r *Rank) clone() *Rank {
	if r = copied(r); r != nil {
		r.Components = slices.Clone(r.Components)
	}
	return r
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// FoldedByCrash is the reason to fold after a stop that may have lost what was judged.
const FoldedByCrash = "after an unclean stop the evidence began anew with what was not staked"

// Fold gives up all bets, for a reason to show, and goes on with the cash alone: after a stop that may have lost evidence against the bets, or
// where blocks were lost. To keep them would be to lose the losing seconds.
func (s *State) Fold(why string) {
	s.Folded = why
	for i := range s.Tests {
		s.Tests[i].fold()
	}
}

// SavedEvery is how long ago a state was saved that a crash goes back to, at most.
const SavedEvery = 10 * time.Second

// Forfeit is Fold after a stop that may have lost the last moments before it, up to SavedEvery: what could have been staked in them counts as
// lost too. Otherwise each crash would give a stake back that had perhaps been lost already.
func (s *State) Forfeit(r *Rules, why string) {
	at := r.clock()
	for i := range s.Tests {
		s.Tests[i].forfeit(at.perNew+at.perSec*SavedEvery.Seconds(), r.components())
	}
	s.Fold(why)
}

// forfeit takes what may have been staked: the lump where nothing was yet, else so much of the later stakes, and one of so many components.
func (t *Test) forfeit(later float64, components int) {
	for _, p := range t.processes() {
		if p.Began {
			p.Cash = max(0, p.Cash-later)
		} else {
			p.Cash *= 1 - lump
		}
	}
	for _, r := range []*Rank{t.Rank, t.LimitRank} {
		if r != nil {
			r.Cash = max(0, r.Cash-r.next(components))
		}
	}
}

// After is the state that an attempt begins with, where stable was learned before. If this one, which has no tests yet, was forfeited, then a
// process before this one may have bet already.
func (s *State) After(learned *State, r *Rules) State {
	next := learned.Clone()
	if s.Folded != "" {
		next.Forfeit(r, s.Folded)
	}
	return next
}

// FoldUsers gives up the bets on users and goes on with their cash: when it is no longer known which of them have failed, each would be
// counted again.
func (s *State) FoldUsers() {
	for i := range s.Tests {
		s.Tests[i].foldUsers()
	}
}

func (t *Test) foldUsers() {
	for _, r := range []*Rank{t.Rank, t.LimitRank} {
		if r != nil {
			*r = Rank{Cash: r.Cash, Rho: r.Rho}
		}
	}
}

func (t *Test) fold() {
	for _, p := range t.processes() {
		p.fold(p)
	}
	t.foldUsers()
	if t.Trials != nil {
		t.Trials.HasHarm, t.Trials.Harm = false, newProcess(1) // a proof begins anew at 1, as at a new step
		t.Trials.HarmStep = 0
	}
}

func (t *Test) processes() (all []*Process) {
	if t.Trials != nil {
		all = append(all, &t.Trials.Compare, &t.Trials.Over, &t.Trials.Worse)
	}
	if t.Order != nil {
		all = append(all, &t.Order.W)
	}
	if t.Mean != nil {
		all = append(all, t.Mean, &t.LimitOrder.W)
	}
	return all
}
