package rollout

import (
	"fmt"
	"slices"

	"sluice/analysis"
)

// Waived is shown as the verdict of a check that a person left out for the rest of the attempt.
const Waived = "waived"

// judge looks at the numbers and acts on what fails: it rolls back, asks a person in hybrid mode, or pauses where stable is as bad. A pause
// does not disarm it.
func (m *machine) judge(r *Rollout) (done bool) {
	e := m.in.Evidence
	if e == nil {
		return false
	}
	m.Checks, m.Requests = m.marked(analysis.Judge(r.Checks, e)), e.Requests()
	if m.fastLane(r, e) {
		return true
	}
	if m.pausedFor(ReasonStableUnhealthy) && m.stableBetter(r, e) {
		return true
	}
	for _, v := range m.Checks {
		if v.Verdict != analysis.Fail || v.DryRun {
			continue
		}
		switch {
		case m.stableAsBad(r, e, v):
			m.stableUnhealthy(r, v)
		case r.Decision == Hybrid:
			m.ask(r, v)
		case r.AutoRollback:
			m.rollback(v.Name, m.worse(r, v))
		default:
			continue
		}
		return true
	}
	return false
}

// marked shows the checks that were waived as such.
func (m *machine) marked(verdicts []Verdict) []Verdict {
	if len(m.Waivers) == 0 {
		return verdicts
	}
	out := slices.Clone(verdicts)
	for i := range out {
		if slices.Contains(m.Waivers, out[i].Name) {
			out[i].Verdict = Waived
		}
	}
	return out
}

// fastLane is for a canary that is plainly dead. It asks nobody, in no mode.
func (m *machine) fastLane(r *Rollout, e *analysis.Evidence) (done bool) {
	switch {
	case !r.AutoRollback:
		return false
	case analysis.Unreachable(e) && m.in.StableUp:
		m.rollback(ReasonUnreachable, m.unreachable(e))
		return true
	case r.AbortOn != nil && r.AbortOn.Trips(e):
		m.rollback(ReasonAbortOn, m.tripped(r.AbortOn, e))
		return true
	}
	return false
}

// ask pauses for a person's word about a failing check.
func (m *machine) ask(r *Rollout, v Verdict) {
	if m.pausedFor(ReasonCheckFailed) {
		return
	}
	d := m.begin("pause", actorAnalysis, ReasonCheckFailed)
	m.pause(ReasonCheckFailed)
	m.Asked = v.Name
	m.end(d, fmt.Sprintf("Paused at %s: %s. Approving %s waives it for this attempt.", m.shown(), clause(r, v), v.Name))
}

// notWorse is by how much the canary's value has to be above stable's to be the canary's own fault where stable is over its limit too. It is
// abortOn's rule: stable must be under half of it.
const notWorse = 2

// stableAsBad says that a failing check is not the canary's fault alone: stable is above the same limit, and not much better.
func (m *machine) stableAsBad(r *Rollout, e *analysis.Evidence, v Verdict) bool {
	if v.Value >= notWorse*v.StableValue {
		return false
	}
	return slices.ContainsFunc(stableVerdicts(r, e), func(s Verdict) bool { return s.Name == v.Name && s.Verdict == analysis.Fail })
}

// stableVerdicts judges stable's last seconds by the canary's limits.
func stableVerdicts(r *Rollout, e *analysis.Evidence) []Verdict {
	recent := analysis.Evidence{MinRequests: e.MinRequests}
	recent.Canary.Recent = e.Stable.Recent
	return analysis.Judge(r.Checks, &recent)
}

func (m *machine) stableUnhealthy(r *Rollout, v Verdict) {
	if m.pausedFor(ReasonStableUnhealthy) {
		return
	}
	d := m.begin("pause", actorAnalysis, ReasonStableUnhealthy)
	m.pause(ReasonStableUnhealthy)
	m.end(d, fmt.Sprintf("Paused at %s: stable itself is over the limit of %s, the canary is not to blame: %s.", m.shown(), v.Name, clause(r, v)))
}

// stableBetter resumes when stable is under its limits again. The numbers of the bad time say nothing of the canary: the windows begin anew.
func (m *machine) stableBetter(r *Rollout, e *analysis.Evidence) bool {
	if slices.ContainsFunc(stableVerdicts(r, e), func(v Verdict) bool { return v.Verdict == analysis.Fail && !v.DryRun }) {
		return false
	}
	d := m.begin("resume", actorAnalysis, ReasonStableUnhealthy)
	m.lift(ReasonStableUnhealthy)
	m.restartNumbers()
	m.end(d, fmt.Sprintf("Stable is under its limits again: going on at %s, with new numbers.", m.shown()))
	return true
}

// restartNumbers forgets what was counted, but not the time.
func (m *machine) restartNumbers() { m.Checks, m.Requests, m.Counted = nil, 0, m.Held }

// numbersRestarted says that the second state was reached by a resume after which the windows begin anew.
func numbersRestarted(before, after *State) bool {
	return before.pausedFor(ReasonStableUnhealthy) && !after.pausedFor(ReasonStableUnhealthy) && after.active()
}
