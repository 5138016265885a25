package rollout

import (
	"fmt"
	"slices"
	"time"

	"sluice/analysis"
)

// approveCommand opens what it names: a gate, a step in manual mode, a failing check or missing evidence in Paused. That attempt and step
// are the present ones has been looked at.
func (m *machine) approveCommand(c *Command) error {
	asked := m.pausedFor(ReasonCheckFailed) || m.pausedFor(ReasonInsufficient)
	switch {
	case m.Phase != Waiting && !asked:
		return m.wrongPhase("approve", "it opens what is Waiting, or Paused(CheckFailed, Insufficient)")
	case m.pausedFor(ReasonStateReadOnly):
		return m.wrongPhase("approve", "nothing goes on before the state can be written")
	case m.pausedFor(ReasonCheckFailed) && c.Gate == m.Asked:
		m.waive(c)
		return nil
	case m.lacksEvidence() && c.Gate == EvidenceGate:
		return m.goWithout(c)
	}
	return m.openGate(c)
}

// awaiting is what approve has to name now; "" where nothing waits for an approval.
func (s *State) awaiting(r *Rollout) string {
	stop, ok := s.standing(r)
	switch {
	case s.pausedFor(ReasonCheckFailed):
		return s.Asked
	case s.lacksEvidence():
		return EvidenceGate
	case s.Phase == Waiting && ok:
		return stop.Gate
	default:
		return ""
	}
}

// lacksEvidence tells a pause for missing evidence from one for a gate that expired.
func (s *State) lacksEvidence() bool { return s.pausedFor(ReasonInsufficient) && !s.AtStop }

// waive leaves a failing check out for the rest of the attempt.
func (m *machine) waive(c *Command) {
	d := m.asked("approve", c, ReasonCheckFailed)
	m.Waivers = append(slices.Clone(m.Waivers), c.Gate)
	m.Asked = ""
	m.lift(ReasonCheckFailed)
	m.Checks = m.marked(m.Checks)
	m.end(d, fmt.Sprintf("Approved%s: %s is waived for the rest of this attempt; going on at %s.", by(c), c.Gate, m.shown()))
}

// goWithout goes on without the evidence that the step lacks.
func (m *machine) goWithout(c *Command) error {
	if !m.in.CanaryUp {
		return refuse("%s is unavailable: it can't go on until it is healthy again", m.Canary.Backend)
	}
	d := m.asked("approve", c, ReasonInsufficient)
	lead := fmt.Sprintf("Approved%s without enough evidence (%s)", by(c), m.missing())
	m.Unproven = true
	m.lift(ReasonInsufficient)
	m.opened(d, lead)
	return nil
}

// openGate opens the gate that is waited at, once.
func (m *machine) openGate(c *Command) error {
	stop, ok := m.standing(m.plan.Rollout)
	switch {
	case !ok || stop.Gate != c.Gate:
		return refuse("gate %s is not waiting for an approval%s", c.Gate, m.instead())
	case stop.Expires > 0 && time.Duration(m.Waited) >= stop.Expires:
		return refuse("gate %s expired %s after it began to wait: resume lets it wait again", c.Gate, span(stop.Expires))
	case m.Phase != Waiting:
		return m.wrongPhase("approve", "it opens what is Waiting, or Paused(CheckFailed, Insufficient)")
	}
	d := m.asked("approve", c, stop.kind())
	if c.Gate == WinnerGate && m.winner() == analysis.StableWins {
		m.leave(RolledBack, m.plan.Rollout.AB.Metric)
		m.end(d, fmt.Sprintf("Approved%s: stable, the winner of the A/B test, keeps all traffic.", by(c)))
		return nil
	}
	m.Approvals = append(slices.Clone(m.Approvals), Approval{Gate: c.Gate, Step: m.Step, Actor: c.Actor, At: m.in.Now})
	m.AtStop, m.Waited = false, 0
	m.Passed++
	lead := fmt.Sprintf("Approved%s: gate %s is open", by(c), c.Gate)
	if stop.Gate == PersonGate {
		lead = "Approved" + by(c)
	}
	m.opened(d, lead)
	return nil
}

// instead names what could be approved.
func (m *machine) instead() string {
	if gate := m.awaiting(m.plan.Rollout); gate != "" {
		return ", " + gate + " is"
	}
	return ""
}

// opened goes as far as an approval leads: to the next stop, to the next weight, or back to the step when its numbers are missing.
func (m *machine) opened(d Decision, lead string) {
	r := m.plan.Rollout
	i, stop, more := m.nextStop(r)
	hook, hooked := m.nextHook(r)
	switch {
	case m.Phase == Paused:
		m.end(d, lead+"; it goes on when the pause is over.")
	case more:
		m.stand(i, stop)
		m.end(d, fmt.Sprintf("%s; now %s.", lead, stop.inWords()))
	case m.unbegun() && !m.in.CanaryUp:
		m.end(d, fmt.Sprintf("%s; it waits for a healthy endpoint of %s.", lead, m.Canary.Backend))
	case (m.unbegun() || m.over(r)) && hooked:
		m.await(hook)
		m.end(d, fmt.Sprintf("%s; now waiting for webhook %s.", lead, hook.Name))
	case m.unbegun() || m.over(r):
		m.enter(m.Step+1, d, func() string { return fmt.Sprintf("%s: on to %s.", lead, m.shown()) })
	default:
		m.goTo(Progressing)
		m.end(d, fmt.Sprintf("%s; the numbers of %s have to come in again first.", lead, m.shown()))
	}
}
