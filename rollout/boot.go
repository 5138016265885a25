package rollout

import (
	"fmt"

	"sluice/analysis"
)

// Boot is the state that a process begins with: the committed one under the present file. Lost says that there is one and it can't be read;
// then stable has all the traffic until a person decides.
func Boot(p *Plan, s State, in *Input, lost bool) (State, []Decision, error) {
	if lost {
		return lostState(p, in)
	}
	m := machine{plan: p, in: in, State: s}
	if m.pausedFor(ReasonStateReadOnly) {
		m.lift(ReasonStateReadOnly) // it is found out anew
	}
	if e := m.Evidence; e != nil {
		if !m.Clean { // what is missing may have spoken against the bets
			if !m.unbegun() {
				e.State.Forfeit(p.rules(), analysis.FoldedByCrash)
			}
			e.Duel.Fold(analysis.FoldedByCrash)
		}
		e.State.FoldUsers()
		e.Duel.FoldUsers()
	}
	m.Clean = false
	// The numbers are of windows that ended with the process.
	m.restartNumbers()
	return Adopt(p, m.State, in, true)
}

func lostState(p *Plan, in *Input) (State, []Decision, error) {
	m := machine{plan: p, in: in}
	m.FileWeights = p.fixed()
	m.fresh()
	if p.Rollout == nil {
		return m.State, nil, nil
	}
	d := m.begin("pause", actorConfig, ReasonStateLost)
	m.pause(ReasonStateLost)
	m.end(d, fmt.Sprintf("Paused: the state can't be read, so %s has all the traffic and nothing starts by itself: start or abort goes on.",
		m.Stable.Backend))
	return m.State, m.decisions, nil
}

// ReadOnly is the state of a process that can't write its state: nothing on trial gets traffic.
func ReadOnly(p *Plan, s State, in *Input) (State, []Decision) {
	if p.Rollout == nil || s.pausedFor(ReasonStateLost) {
		return s, nil
	}
	m := machine{plan: p, in: in, State: s}
	d := m.begin("pause", actorConfig, ReasonStateReadOnly)
	m.pause(ReasonStateReadOnly)
	m.end(d, "Paused: the state can't be written, so the canary gets no traffic until it can.")
	return m.State, m.decisions
}
