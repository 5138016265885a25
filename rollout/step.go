package rollout

import (
	"slices"
	"time"

	"sluice/analysis"
)

// Input is everything that a state can change for.
type Input struct {
	// Now is the wall clock, for records only. Elapsed is the monotonic time since the last input, or since the state was aged.
	Now     time.Time
	Elapsed time.Duration
	// Random bits, fresh in each input, for the id of an attempt.
	Random [2]uint64
	// Evidence since the windows restarted; nil is none. A command is never judged.
	Evidence *analysis.Evidence
	// CanaryUp and StableUp say whether the backends in these roles are available.
	CanaryUp, StableUp bool
	// InFlight requests of the backend in the canary's role.
	InFlight int64
	// Written says that the state could be written since the last input.
	Written bool
	// Hold forbids bolder weights: one is being written, or could not be.
	Hold bool
	// Command of a person; nil is a tick.
	Command *Command
}

// Actors of decisions that no person made.
const (
	actorAnalysis = "analysis"
	actorConfig   = "config"
)

// maxOutages of a canary in one attempt; one more than these ends it.
const maxOutages = 2

// Next is the engine's step: the state after an input, and one decision for each transition on the way. It reads no clock and changes
// nothing. An error is a command's, *Refused or *Invalid: then the state has aged and is otherwise the same.
func Next(p *Plan, s State, in *Input) (State, []Decision, error) {
	m := machine{plan: p, in: in, State: s}
	m.age()
	aged := m.State
	if in.Command != nil {
		if err := m.command(in.Command); err != nil {
			return aged, nil, err
		}
		return m.State, m.decisions, nil
	}
	if p.Rollout != nil {
		m.tick(p.Rollout)
	}
	return m.State, m.decisions, nil
}

// machine is a state on its way to the next one.
type machine struct {
	State
	plan      *Plan
	in        *Input
	decisions []Decision
}

// aged is the state after a time in which nothing else happened.
func aged(s State, d time.Duration) State {
	m := machine{in: &Input{Elapsed: d}, State: s}
	m.age()
	return m.State
}

// age counts the time. A pause stops the step's clock, and the canary gets no hold for the time that it was off the traffic.
func (m *machine) age() {
	d := Duration(max(m.in.Elapsed, 0))
	switch m.Phase {
	case Progressing, Baking:
		m.Held += d
		m.Age += d
	case Paused:
		m.Age += d
		if m.pausedFor(ReasonCanaryUnavailable) {
			m.Away += d
		}
	case Waiting:
		m.Age += d
	case RollingBack:
		m.Away += d
	}
}

func (m *machine) tick(r *Rollout) {
	switch {
	case m.resting():
		m.rest(r)
	case m.Phase == RollingBack:
		m.drain(r)
	case m.active():
		m.run(r)
	case m.pausedFor(ReasonStateReadOnly):
		m.writable()
	}
}

// rest waits for a version to try, or for the way back of the one in service.
func (m *machine) rest(r *Rollout) {
	free := m.plan.version(&m.State, m.Canary.Backend)
	switch {
	case m.wayBack(r):
		if m.in.CanaryUp {
			m.takeBack()
		}
	case r.AutoStart && m.startable(free) && !m.failed(free) && free != m.Left:
		if !m.in.Hold {
			m.start("start", actorConfig, "", free)
		}
	case m.Phase == Superseded, m.Phase != Idle && free != m.Canary.Version:
		m.idle(free)
	}
}

// wayBack says that the file's stable backend is free and has the version in service.
func (m *machine) wayBack(r *Rollout) bool {
	return m.Canary.Backend == r.Stable && m.plan.version(&m.State, m.Canary.Backend) == m.Stable.Version
}

// startable says that a trial of the version makes sense.
func (m *machine) startable(version string) bool { return version != "" && version != m.Stable.Version }

// drain lasts until the canary's requests in flight are done.
func (m *machine) drain(r *Rollout) {
	if m.in.InFlight > 0 && time.Duration(m.Away) < r.DrainTimeout {
		return
	}
	end := map[Outcome]Phase{RolledBack: Failed, OutcomeAborted: Aborted, OutcomeSuperseded: Superseded}[m.Outcome]
	cause := m.Last
	d := m.begin(action(m.Outcome), actorAnalysis, m.Reason)
	m.Phase = end
	m.end(d, m.drained())
	// The decision that people look for is the cause, not this last formality.
	m.Last = cause
}

func action(o Outcome) string {
	switch o {
	case RolledBack:
		return "rollback"
	case OutcomeSuperseded:
		return "supersede"
	default:
		return "abort"
	}
}

// run is a tick of an attempt: who is there, what do the numbers say, may it go on.
func (m *machine) run(r *Rollout) {
	if m.pausedFor(ReasonStateReadOnly) {
		m.writable()
		return
	}
	if m.base() != Waiting && m.health(r) {
		return
	}
	if m.judge(r) {
		return
	}
	switch m.Phase {
	case Waiting:
		if m.in.CanaryUp && !m.in.Hold {
			m.enter(1, m.begin("advance", actorAnalysis, "health"), m.begun)
		}
	case Progressing:
		if m.in.Evidence != nil && waitingFor(r, &m.State) == "" && !m.in.Hold {
			m.advance(r)
		}
	case Baking:
		if m.in.Evidence != nil && waitingFor(r, &m.State) == "" && !m.in.Hold {
			m.succeed(m.begin("promote", actorAnalysis, ""), m.promoted())
		}
	}
}

// judge looks at the numbers and rolls back where they ask for it. A pause does not disarm it.
func (m *machine) judge(r *Rollout) (done bool) {
	e := m.in.Evidence
	if e == nil {
		return false
	}
	m.Checks, m.Requests = analysis.Judge(r.Checks, e), e.Requests()
	if !r.AutoRollback {
		return false
	}
	if analysis.Unreachable(e) && m.in.StableUp {
		m.rollback(ReasonUnreachable, m.unreachable(e))
		return true
	}
	if r.AbortOn != nil && r.AbortOn.Trips(e) {
		m.rollback(ReasonAbortOn, m.tripped(r.AbortOn, e))
		return true
	}
	for _, v := range m.Checks {
		if v.Verdict == analysis.Fail && !v.DryRun {
			m.rollback(v.Name, m.worse(r, v))
			return true
		}
	}
	return false
}

// waitingFor is what the step still needs, in the order in which people ask; "" is nothing. The bake needs its time, and that nothing
// fails.
func waitingFor(r *Rollout, s *State) string {
	step := r.at(s)
	baking := s.base() == Baking
	switch {
	case time.Duration(s.Held) < step.Hold:
		return "hold"
	case !baking && s.Requests < max(step.MinRequests, 1):
		return "requests"
	case slices.ContainsFunc(s.Checks, func(v Verdict) bool {
		return !v.DryRun && v.Verdict != analysis.Pass && (!baking || v.Verdict == analysis.Fail)
	}):
		return "evidence"
	case !baking && len(s.Checks) < len(r.Checks):
		return "evidence"
	default:
		return ""
	}
}

func (m *machine) pause(reason string) {
	if m.Phase != Paused {
		m.Back, m.Phase = m.Phase, Paused
	}
	m.Pauses = append([]string{reason}, m.Pauses...)
	m.Reason = m.Pauses[0]
}

func (m *machine) lift(reason string) {
	m.Pauses = slices.DeleteFunc(slices.Clone(m.Pauses), func(r string) bool { return r == reason })
	if len(m.Pauses) > 0 {
		m.Reason = m.Pauses[0]
		return
	}
	m.Phase, m.Back, m.Reason, m.Pauses = m.Back, "", "", nil
}

// begin notes where a decision comes from, end where it leads to.
func (m *machine) begin(action, actor, reason string) Decision {
	return Decision{
		At: m.in.Now, Route: m.plan.Route, Attempt: m.Attempt, Action: action, Actor: actor, Reason: reason,
		From: m.Phase, WeightFrom: m.shown(), Step: m.Step, Checks: m.Checks,
	}
}

func (m *machine) end(d Decision, sentence string) {
	m.Seq++
	d.Seq, d.To, d.WeightTo, d.Step, d.Sentence = m.Seq, m.Phase, m.shown(), m.Step, sentence
	m.decisions = append(m.decisions, d)
	m.Last = &d
}

func (m *machine) shown() Weight { return shown(m.plan, &m.State) }
