package rollout

import (
	"fmt"
	"slices"
	"time"

	"sluice/analysis"
)

// Stop is what stands between two weights of a plan: a gate that a person opens, or a pause.
type Stop struct {
	// Before is the number of the weight that it stands before, from 1; the bake's is one more than there are steps. Stops of the same
	// weight are passed in their order.
	Before int
	// Gate is the gate's name; "" is a pause. Expires bounds how long it waits for its approval, and how long an approval that could not be
	// used yet is good for; 0 is for ever.
	Gate    string
	Expires time.Duration
	// Pause is how long a pause lasts.
	Pause time.Duration
}

// What approve names where the plan has no gate of its own: a person is waited for, or evidence.
const (
	PersonGate   = "person"
	EvidenceGate = "evidence"
)

// Approval is a person's consent to pass a gate, given at a step of the present attempt. The next change of weight uses it up.
type Approval struct {
	Gate  string    `json:"gate"`
	Step  int       `json:"step"`
	Actor string    `json:"actor,omitempty"`
	At    time.Time `json:"at"`
	// Age is the time since it was given, whatever the wall clock did.
	Age Duration `json:"age"`
}

// stops before a weight. In manual mode a weight without a gate has one of its own, and so have the ends of mirror and abTest.
func (r *Rollout) stops(before int) []Stop {
	var out []Stop
	gate := false
	for _, s := range r.Stops {
		if s.Before == before {
			out = append(out, s)
			gate = gate || s.Gate != ""
		}
	}
	end := r.endGate(before)
	if end == "" && r.Decision == Manual {
		end = PersonGate
	}
	if end != "" && (!gate || end == WinnerGate) {
		out = append(out, Stop{Before: before, Gate: end})
	}
	return out
}

// standing is the stop that the attempt stands at; ok is false where it stands at none.
func (s *State) standing(r *Rollout) (stop Stop, ok bool) {
	if !s.AtStop {
		return Stop{}, false
	}
	stops := r.stops(s.Step + 1)
	if s.Passed >= len(stops) {
		return Stop{}, false
	}
	return stops[s.Passed], true
}

// nextStop is the first stop before the next weight that is not behind; ok is false where the road is free.
func (m *machine) nextStop(r *Rollout) (i int, stop Stop, ok bool) {
	for i, stop := range r.stops(m.Step + 1) {
		open := i < m.Passed
		if stop.Gate != "" {
			open = m.approved(stop) || stop.Gate == WinnerGate && r.AB.Promote && m.winner() == analysis.CanaryWins
		}
		if !open {
			return i, stop, true
		}
	}
	return 0, Stop{}, false
}

// approved says that the gate has an approval that is still good: on the clock that no one sets, and on the wall's too, as a crash loses
// what was not saved of the first. A wall clock that jumps, forward or back, asks a person again at worst.
func (m *machine) approved(g Stop) bool {
	return slices.ContainsFunc(m.Approvals, func(a Approval) bool {
		age := max(time.Duration(a.Age), m.in.Now.Sub(a.At).Abs())
		return a.Gate == g.Gate && a.Step == m.Step && (g.Expires == 0 || age < g.Expires)
	})
}

// onward moves an attempt that is neither paused nor in the bake: from its step to the stops before the next one, and from the last of
// them to the next weight.
func (m *machine) onward(r *Rollout) {
	if m.in.Hold { // what is being written may be a person's step
		return
	}
	if m.AtStop && !m.stopOver(r) {
		return
	}
	if m.unbegun() && !m.in.CanaryUp {
		m.Hook = "" // what is asked about a canary needs one
	}
	if m.Hook != "" && !m.hookOver(r) {
		return
	}
	if !m.unbegun() {
		if m.in.Report == nil {
			return
		}
		if !m.over(r) && !m.without(r) {
			return
		}
	}
	i, stop, ok := m.nextStop(r)
	switch {
	case ok:
		m.halt(r, i, stop)
	case !m.in.CanaryUp:
	case m.heldByHook(r):
	case m.unbegun():
		reason, why := "health", m.Canary.Backend+" is healthy"
		if len(m.Answers) > 0 {
			reason, why = ReasonWebhook, "the webhooks agree"
		}
		m.enter(1, m.begin("advance", actorAnalysis, reason), func() string { return m.begun(why) })
	default:
		m.advance(r)
	}
}

// over says that the step needs nothing more.
func (m *machine) over(r *Rollout) bool { return waitingFor(r, &m.State) == "" }

// stopOver leaves a pause that has lasted; a gate is left by a command alone, and expires.
func (m *machine) stopOver(r *Rollout) bool {
	stop, ok := m.standing(r)
	switch {
	case !ok:
		m.leaveStops()
		m.goTo(m.stepPhase())
		return true
	case stop.Gate == "" && time.Duration(m.Waited) >= stop.Pause:
		m.AtStop, m.Waited = false, 0
		m.Passed++
		return true
	case stop.Gate != "" && stop.Expires > 0 && time.Duration(m.Waited) >= stop.Expires:
		d := m.begin("pause", actorAnalysis, ReasonInsufficient)
		m.pause(ReasonInsufficient)
		m.end(d, fmt.Sprintf("Paused at %s: gate %s was not opened within %s; resume lets it wait again.", m.shown(), stop.Gate, span(stop.Expires)))
	}
	return false
}

// halt begins to stand at a stop, with its own decision.
func (m *machine) halt(r *Rollout, i int, stop Stop) {
	d := m.begin("hold", actorAnalysis, stop.kind())
	m.stand(i, stop)
	if stop.Gate == WinnerGate {
		m.end(d, m.settled())
		return
	}
	why := ""
	switch {
	case m.unbegun():
	case m.Unproven:
		why = ", without enough evidence: " + m.passed(r)
	default:
		why = ": " + m.passed(r)
	}
	m.end(d, fmt.Sprintf("At %s, %s%s.", m.shown(), stop.inWords(), why))
}

// stand puts the attempt before a stop. A pause after a step goes on like the step, everything else waits.
func (m *machine) stand(i int, stop Stop) {
	m.Hook = ""
	m.AtStop, m.Passed, m.Waited = true, i, 0
	if stop.Gate != "" || m.unbegun() {
		m.goTo(Waiting)
	} else {
		m.goTo(Progressing)
	}
}

// stepPhase is the phase of an attempt that stands at no stop.
func (m *machine) stepPhase() Phase {
	if m.unbegun() {
		return Waiting
	}
	return Progressing
}

// goTo changes the phase, also where it is the one to come back to.
func (m *machine) goTo(p Phase) {
	if m.Phase == Paused {
		m.Back = p
		return
	}
	m.Phase = p
}

// kind is the stop in waitingFor's words, and the reason of decisions about it.
func (s Stop) kind() string {
	switch s.Gate {
	case "":
		return "pause"
	case PersonGate, WinnerGate:
		return "person"
	default:
		return "gate"
	}
}

func (s Stop) inWords() string {
	var out string
	switch s.Gate {
	case "":
		return "pausing for " + span(s.Pause)
	case PersonGate, WinnerGate:
		out = "waiting for a person's approval"
	default:
		out = "waiting for gate " + s.Gate
	}
	if s.Expires > 0 {
		out += ", which expires in " + span(s.Expires)
	}
	return out
}

// leaveStops forgets where between two weights the attempt was, with the approvals that were given there.
func (m *machine) leaveStops() {
	m.AtStop, m.Passed, m.Waited, m.Approvals = false, 0, 0, nil
	m.leaveHooks()
}
