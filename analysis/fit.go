package analysis

import "fmt"

// fit makes s hold one test for each rule. Evidence for a rule that has changed goes on from its cash.
func (a *Assessor) fit(s *State) {
	if a.fits(s) {
		return
	}
	old := s.Tests
	s.Format, s.Tests = evidenceFormat, make([]Test, len(a.rules.Rules))
	for i := range s.Tests {
		s.Tests[i] = a.newTest(i)
		for j := range old {
			if old[j].Name == s.Tests[i].Name {
				s.Tests[i].inherit(&old[j])
			}
		}
		if len(old) == 0 && s.Folded != "" { // forfeited before it had any
			s.Tests[i].forfeit(0, a.rules.components())
		}
	}
}

func (a *Assessor) fits(s *State) bool {
	if len(s.Tests) != len(a.rules.Rules) || s.Format != evidenceFormat {
		return false
	}
	for i := range s.Tests {
		if s.Tests[i].Name != a.rules.Rules[i].Name || s.Tests[i].Digest != a.digests[i] {
			return false
		}
	}
	return true
}

func (a *Assessor) newTest(i int) Test {
	c, h := &a.rules.Rules[i], &a.how[i]
	t := Test{Name: c.Name, Digest: a.digests[i]}
	compares, mean := a.rules.compares(i), c.Metric == Latency && c.Quantile == 0
	if c.Metric != Latency || c.limited() && !mean {
		t.Trials = newTrials()
	}
	if c.Metric == Latency && compares {
		t.Order = &Order{W: newProcess(1)}
	}
	if mean && c.limited() {
		p := newProcess(1)
		t.Mean, t.LimitOrder = &p, &Order{W: newProcess(1)}
	}
	if h.sticky && compares {
		t.Rank = &Rank{Cash: 1}
	}
	if h.sticky && h.limited {
		t.LimitRank = &Rank{Cash: 1}
	}
	return t
}

// inherit goes on from another rule's evidence of the same name: with all of it where the rule is the same, else with its cash.
func (t *Test) inherit(old *Test) {
	if old.Digest == t.Digest {
		*t = *old
		return
	}
	if t.Trials != nil && old.Trials != nil {
		t.Trials.Compare, t.Trials.Over, t.Trials.Worse =
			newProcess(old.Trials.Compare.Cash), newProcess(old.Trials.Over.Cash), newProcess(old.Trials.Worse.Cash)
		t.Trials.Learned, t.Trials.Lately = old.Trials.Learned, old.Trials.Lately
	}
	if t.Order != nil && old.Order != nil {
		t.Order.W = newProcess(old.Order.W.Cash)
	}
	if t.LimitOrder != nil && old.LimitOrder != nil {
		t.Mean.fold(old.Mean)
		t.LimitOrder.W = newProcess(old.LimitOrder.W.Cash)
	}
	if t.Rank != nil && old.Rank != nil {
		t.Rank.Cash = old.Rank.Cash
	}
	if t.LimitRank != nil && old.LimitRank != nil {
		t.LimitRank.Cash = old.LimitRank.Cash
	}
}

// fold goes on from another process's cash.
func (p *Process) fold(old *Process) { *p = newProcess(old.Cash) }

// digest says which rule evidence is for. What only sets thresholds is not in it.
func (r *Rule) digest(sticky bool) string {
	return fmt.Sprintf("%s q%v max%v min%v alone=%v +%v -%v x%v sticky=%v",
		r.Metric, r.Quantile, r.Max, r.Min, r.Alone, r.MaxIncrease, r.MaxDecrease, r.MaxRatio, sticky)
}
