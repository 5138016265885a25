package rollout

import (
	"fmt"
	"time"
)

// health pauses for a backend that is gone, resumes when it is back, and says whether nothing more is to be done in this tick.
func (m *machine) health(r *Rollout) (done bool) {
	if m.in.StableUp && m.pausedFor(ReasonStableUnavailable) {
		m.stableBack()
	}
	if !m.in.CanaryUp {
		return m.canaryGone(r)
	}
	if m.pausedFor(ReasonCanaryUnavailable) {
		m.canaryBack()
		return true
	}
	if !m.in.StableUp && !m.pausedFor(ReasonStableUnavailable) {
		m.stableGone()
	}
	return m.pausedFor(ReasonStableUnavailable) // rolling back would send everyone to a dead backend
}

func (m *machine) canaryGone(r *Rollout) (done bool) {
	again := m.pausedFor(ReasonCanaryUnavailable)
	if !again {
		m.Outages++
	}
	if r.AutoRollback && (m.Outages > maxOutages || again && time.Duration(m.Away) > r.maxWait()) {
		m.rollback(ReasonUnavailable, m.unavailable())
		return true
	}
	if !again {
		d := m.begin("pause", actorAnalysis, ReasonCanaryUnavailable)
		m.Away = 0
		m.pause(ReasonCanaryUnavailable)
		m.end(d, fmt.Sprintf("Paused: %s has no healthy endpoint, it gets no traffic until it has.", m.Canary.Backend))
	}
	return true
}

// canaryBack resumes at the first step, unless a person has paused too or is being asked.
func (m *machine) canaryBack() {
	if m.pausedFor(ReasonUser) || m.pausedFor(ReasonCheckFailed) || m.pausedFor(ReasonInsufficient) || m.in.Hold {
		return
	}
	d := m.begin("resume", actorAnalysis, ReasonCanaryUnavailable)
	m.lift(ReasonCanaryUnavailable)
	m.enter(1, d, func() string {
		return fmt.Sprintf("Resumed at %s, the first step: %s is healthy again.", m.shown(), m.Canary.Backend)
	})
}

func (m *machine) stableGone() {
	d := m.begin("pause", actorAnalysis, ReasonStableUnavailable)
	m.pause(ReasonStableUnavailable)
	m.end(d, fmt.Sprintf("Paused: %s has no healthy endpoint while the canary has, so nothing is rolled back into it; weights stay at %s.",
		m.Stable.Backend, m.shown()))
}

func (m *machine) stableBack() {
	d := m.begin("resume", actorAnalysis, ReasonStableUnavailable)
	m.lift(ReasonStableUnavailable)
	m.end(d, fmt.Sprintf("%s is healthy again: going on at %s.", m.Stable.Backend, m.shown()))
}

// writable ends the pause for a state folder that could not be written.
func (m *machine) writable() {
	if m.in.Written && !m.in.Hold {
		d := m.begin("resume", actorAnalysis, ReasonStateReadOnly)
		m.lift(ReasonStateReadOnly)
		m.end(d, fmt.Sprintf("Resumed at %s: the state can be written again.", m.shown()))
	}
}
