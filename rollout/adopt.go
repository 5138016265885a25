package rollout

import (
	"fmt"
	"slices"
)

// Adopt is the state under another plan, at boot and at a reload: what the file changed of versions, roles and policy takes its effect.
// It never raises the canary's weight. At a reload a *Refused says what in the file has to be mended; at boot the same makes a pause.
func Adopt(p *Plan, s State, in *Input, boot bool) (State, []Decision, error) {
	m := machine{plan: p, in: in, State: s}
	m.age()
	if m.FileWeights != p.fixed() {
		m.Manual, m.FileWeights = nil, p.fixed()
	}
	if m.Format == 0 {
		m.fresh()
		return m.State, nil, nil
	}
	if m.rolesGone() {
		m.remove()
		return m.State, m.decisions, nil
	}
	if p.Rollout == nil {
		return m.State, nil, nil
	}
	if m.pausedFor(ReasonStateLost) { // nothing is known that the file could contradict
		m.fresh()
		m.Phase = Paused
		return m.State, nil, nil
	}
	m.expire()
	if err := m.service(boot); err != nil {
		return s, nil, err
	}
	m.trial()
	m.policy()
	return m.State, m.decisions, nil
}

// fresh is the state of a route that was never seen: the roles are the file's.
func (m *machine) fresh() {
	m.Format, m.Phase = stateFormat, Idle
	if r := m.plan.Rollout; r != nil {
		m.Stable = Role{Backend: r.Stable, Version: m.plan.version(&m.State, r.Stable)}
		m.Canary = Role{Backend: r.Canary, Version: m.plan.version(&m.State, r.Canary)}
		m.Config = m.plan.policy()
	}
}

// rolesGone says that the file has other backends in the two roles than the state.
func (m *machine) rolesGone() bool {
	r := m.plan.Rollout
	if r == nil {
		return m.Stable.Backend != ""
	}
	a, b := m.Stable.Backend, m.Canary.Backend
	return (a != r.Stable || b != r.Canary) && (a != r.Canary || b != r.Stable)
}

// remove forgets a rollout that the file no longer has; a running attempt ends with it.
func (m *machine) remove() {
	if m.active() {
		d := m.begin("abort", actorConfig, ReasonConfigRemoved)
		d.WeightFrom = m.share() // under the plan that is gone
		m.Outcome = OutcomeAborted
		m.Phase, m.Weight = Aborted, 0
		m.Pauses, m.Back = nil, ""
		m.end(d, fmt.Sprintf("Aborted at %s: the configuration no longer has this rollout.", d.WeightFrom))
	}
	m.State = State{Seq: m.Seq + 1, Manual: m.Manual, FileWeights: m.FileWeights, Last: m.Last}
	m.fresh()
}

// expire drops the given versions of backends of which the file says something new.
func (m *machine) expire() {
	given := map[string]Given{}
	for b, g := range m.Given {
		if g.File == m.plan.fileVersion(b) {
			given[b] = g
		}
	}
	if len(given) < len(m.Given) {
		m.Given = given
	}
}

// service looks at the backend that has the traffic.
func (m *machine) service(boot bool) error {
	version := m.plan.version(&m.State, m.Stable.Backend)
	if version == m.Stable.Version {
		if m.pausedFor(ReasonRolesUnclear) {
			d := m.begin("resume", actorConfig, ReasonRolesUnclear)
			m.lift(ReasonRolesUnclear)
			m.end(d, fmt.Sprintf("Resumed: %s has the version in service again, %s.", m.Stable.Backend, version))
		}
		return nil
	}
	if m.active() || m.Phase == RollingBack {
		d := m.begin("reload", actorConfig, "")
		m.Stable.Version = version
		m.restartNumbers()
		m.end(d, fmt.Sprintf("%s has version %s now: the windows of the comparison begin anew.", m.Stable.Backend, version))
		return nil
	}
	if m.resting() && m.wayBack(m.plan.Rollout) && m.in.CanaryUp {
		m.takeBack()
		return nil
	}
	if !boot {
		return refuse("version %s is new on backend %s, which is in service: give it to %s to try it there, or keep %s on %s",
			version, m.Stable.Backend, m.Canary.Backend, m.Stable.Version, m.Stable.Backend)
	}
	if !m.pausedFor(ReasonRolesUnclear) {
		d := m.begin("pause", actorConfig, ReasonRolesUnclear)
		m.pause(ReasonRolesUnclear)
		m.end(d, fmt.Sprintf("Paused: version %s is new on %s, which is in service with %s: weights stay; mend the file, or resume.",
			version, m.Stable.Backend, m.Stable.Version))
	}
	return nil
}

// trial looks at the other backend: a new version there ends an attempt. What rests sees it by itself at the next tick.
func (m *machine) trial() {
	version := m.plan.version(&m.State, m.Canary.Backend)
	switch {
	case version == m.Canary.Version:
	case m.active():
		d := m.begin("supersede", actorConfig, ReasonNewVersion)
		old := m.Canary.Version
		m.leave(OutcomeSuperseded, ReasonNewVersion)
		m.end(d, fmt.Sprintf("Superseded at %s: %s has version %s now, %s is off the traffic.",
			d.WeightFrom, m.Canary.Backend, version, old))
	case m.Phase == Idle:
		m.Canary.Version = version
		m.Seq++
	}
}

// policy moves a running attempt to where it stands in another plan: never upward.
func (m *machine) policy() {
	config := m.plan.policy()
	if m.Config == config {
		return
	}
	m.Config = config
	r := m.plan.Rollout
	d := m.begin("reload", actorConfig, "")
	if !m.active() || m.unbegun() && !m.stopsChanged(r) {
		m.Seq++
		return
	}
	m.restartNumbers()
	switch {
	case m.unbegun():
	case m.base() == Baking:
		m.Step, m.Weight = r.bakeStep(), min(m.Weight, Full-r.BakeStable)
	default:
		m.nearest(r)
		if m.Step == 0 && m.Weight == 0 { // it was on copies, and this plan has none
			m.goTo(Waiting)
		}
		m.stopsChanged(r)
	}
	m.end(d, fmt.Sprintf("The plan was changed: going on at %s.", m.shown()))
}

// nearest is the last step not above the present weight. Where there is none the weight stays as an unnumbered first step.
func (m *machine) nearest(r *Rollout) {
	m.Step = 0
	for i, step := range r.Steps {
		if step.Weight <= m.Weight {
			m.Step = i + 1
		}
	}
	if m.Step == 0 || r.Steps[m.Step-1].Weight == m.Weight {
		return
	}
	m.Weight = r.Steps[m.Step-1].Weight
	m.renew()
}

// stopsChanged lets the attempt come to the stops of another plan by itself. A gate of the same name at the same place keeps its approval,
// all others are void. It says whether a pause was lifted: that for a gate which expired under the other plan.
func (m *machine) stopsChanged(r *Rollout) (lifted bool) {
	stops := r.stops(m.Step + 1)
	approvals := slices.DeleteFunc(slices.Clone(m.Approvals), func(a Approval) bool {
		return a.Step != m.Step || !slices.ContainsFunc(stops, func(s Stop) bool { return s.Gate == a.Gate })
	})
	if lifted = m.pausedFor(ReasonInsufficient) && m.AtStop; lifted {
		m.lift(ReasonInsufficient)
	}
	m.leaveStops()
	m.Approvals, m.Unproven = approvals, false
	if m.base() == Waiting {
		m.goTo(m.stepPhase())
	}
	return lifted
}
