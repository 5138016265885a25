package rollout

import (
	"fmt"
	"slices"

	"sluice/analysis"
)

// Waived is shown as the verdict of a check that a person left out for the rest of the attempt.
const Waived = "waived"

// judge acts on what the evidence says: it rolls back, asks a person in hybrid mode, or pauses where stable is over the limit too. A pause
// does not disarm it.
func (m *machine) judge(r *Rollout) (done bool) {
	report := m.in.Report
	if report == nil {
		return false
	}
	m.Checks, m.Requests = m.marked(slices.Concat(report.Findings, m.in.Sampled)), report.Requests
	m.ratio()
	m.Needed, m.NeededTime = report.RequestsNeeded, Duration(report.TimeNeeded)
	if m.fastLane(r, m.in.Fast) {
		return true
	}
	if m.failing(r) {
		return true
	}
	shared := slices.IndexFunc(m.Checks, func(v Verdict) bool { return v.Reason == analysis.ReasonUnhealthy && decides(v) })
	switch paused := m.pausedFor(ReasonStableUnhealthy); {
	case shared >= 0 && !paused:
		m.stableUnhealthy(m.Checks[shared])
		return true
	case shared < 0 && paused && report.Faults == 0:
		m.stableBetter()
		return true
	}
	return false
}

// failing acts on the first check that fails.
func (m *machine) failing(r *Rollout) (done bool) {
	for _, v := range m.Checks {
		if v.Verdict != analysis.Fail || v.DryRun {
			continue
		}
		switch {
		case r.Decision == Hybrid:
			m.ask(v)
		case r.AutoRollback:
			m.rollback(v.Name, m.worse(v))
		default:
			continue
		}
		return true
	}
	return false
}

// decides says that a verdict counts: it is neither a dry run nor waived.
func decides(v Verdict) bool { return !v.DryRun && v.Verdict != Waived }

// marked is a copy of the verdicts, with the checks that were waived shown as such.
func (m *machine) marked(verdicts []Verdict) []Verdict {
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
	case !r.AutoRollback || e == nil:
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
func (m *machine) ask(v Verdict) {
	if m.pausedFor(ReasonCheckFailed) {
		return
	}
	d := m.begin("pause", actorAnalysis, ReasonCheckFailed)
	m.pause(ReasonCheckFailed)
	m.Asked = v.Name
	m.end(d, fmt.Sprintf("Paused at %s: %s. %s Approving %s waives it for this attempt.", m.shown(), v.Numbers(), v.Odds(), v.Name))
}

func (m *machine) stableUnhealthy(v Verdict) {
	d := m.begin("pause", actorAnalysis, ReasonStableUnhealthy)
	m.pause(ReasonStableUnhealthy)
	m.end(d, fmt.Sprintf("Paused at %s: %s.", m.shown(), v.Shared()))
}

// stableBetter resumes when stable is under its limits again. The numbers of the bad time say nothing of the canary: the windows begin anew.
func (m *machine) stableBetter() {
	d := m.begin("resume", actorAnalysis, ReasonStableUnhealthy)
	m.lift(ReasonStableUnhealthy)
	m.restartNumbers()
	m.end(d, fmt.Sprintf("Stable is under its limits again: going on at %s, with new numbers.", m.shown()))
}

// restartNumbers forgets what was counted, but not the time.
func (m *machine) restartNumbers() {
	m.Checks, m.Requests, m.Counted = nil, 0, m.Held
	m.Needed, m.NeededTime = 0, 0
}

// numbersRestarted says that the second state was reached by a resume after which the windows begin anew.
func numbersRestarted(before, after *State) bool {
	return before.pausedFor(ReasonStableUnhealthy) && !after.pausedFor(ReasonStableUnhealthy) && after.active()
}
