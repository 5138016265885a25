package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/analysis"
)

// What a plan does after maxWait without enough evidence (Rollout.OnInsufficient); "" is to wait.
const (
	OnWait     = "wait"
	OnPause    = "pause"
	OnPromote  = "promote"
	OnRollback = "rollback"
)

// without looks at a step that is not over, and says whether it goes on all the same: when it has lacked evidence for maxWait beyond its
// hold and the plan says promote.
func (m *machine) without(r *Rollout) bool {
	if m.Phase != Progressing || r.AB != nil || !m.lacks(r) { // an A/B test has a time of its own
		return false
	}
	switch m.withoutEvidence(r) {
	case OnPromote:
		m.Unproven = true
		return true
	case OnPause:
		d := m.begin("pause", actorAnalysis, ReasonInsufficient)
		m.pause(ReasonInsufficient)
		m.end(d, fmt.Sprintf("Paused at %s: %s. Approving %s goes on without it.", m.shown(), m.missing(), EvidenceGate))
	case OnRollback:
		m.rollback(m.blank(), fmt.Sprintf("Rolled back %s: %s, and the policy for that is rollback.", m.since(), m.missing()))
	default:
		if !m.Warned {
			m.Warned = true
			m.end(m.begin("hold", actorAnalysis, ReasonInsufficient), fmt.Sprintf("Holding at %s: %s. Policy: %s.", m.shown(), m.missing(), m.waiting(r)))
		}
	}
	return false
}

// lacks says that the step has waited for maxWait beyond its hold and the numbers are insufficient: none fails, some are not decided.
func (m *machine) lacks(r *Rollout) bool {
	what := waitingFor(r, &m.State)
	if what != "requests" && what != "evidence" {
		return false
	}
	if slices.ContainsFunc(m.Checks, func(v Verdict) bool { return v.Verdict == analysis.Fail && !v.DryRun }) {
		return false
	}
	// A window that began anew begins the wait anew: a restart or a resume never shortens it.
	since := max(r.at(&m.State).Hold, time.Duration(m.Counted))
	return time.Duration(m.Held)-since >= r.maxWait()
}

// blank is the first check that is not decided.
func (m *machine) blank() string {
	for _, v := range m.Checks {
		if v.Verdict == analysis.Insufficient && !v.DryRun && !v.Optional && !v.NoValue() {
			return v.Name
		}
	}
	return ReasonInsufficient
}

// missing is what the step lacks: "37 canary requests in 15 min; about 770 more as good as stable's are needed, some 5.2 h".
func (m *machine) missing() string {
	need := max(m.plan.Rollout.at(&m.State).MinRequests, 1)
	r := analysis.Report{RequestsNeeded: m.Needed, TimeNeeded: time.Duration(m.NeededTime)}
	if m.Requests < need {
		r.RequestsNeeded = max(r.RequestsNeeded, need-m.Requests)
	}
	s := r.Needs(m.Requests, time.Duration(m.Held-m.Counted))
	if r.RequestsNeeded > 0 {
		return s + m.silence()
	}
	var open []string
	for _, v := range m.Checks {
		if v.Verdict == analysis.Insufficient && !v.DryRun && !v.Optional {
			open = append(open, v.Undecided())
		}
	}
	if len(open) == 0 {
		return s
	}
	return fmt.Sprintf("%s do not decide %s", s, strings.Join(open, ", "))
}
