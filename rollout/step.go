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
	// Report is what the judge makes of the evidence, Fast what was counted for the fast lane; both are nil in a command, which is never judged.
	Report *analysis.Report
	Fast   *analysis.Evidence
	// Sampled are the verdicts of the sampled checks.
	Sampled []Verdict
	// CanaryUp and StableUp say whether the backends in these roles are available.
	CanaryUp, StableUp bool
	// InFlight requests of the backend in the canary's role.
	InFlight int64
	// Written says that the state could be written since the last input.
	Written bool
	// Hold forbids bolder weights: one is being written, or could not be.
	Hold bool
	// Command of a person, or the answer of a webhook; both nil is a tick.
	Command *Command
	Answer  *Answer
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
	switch {
	case p.Rollout == nil:
	case in.Answer != nil:
		m.answered(p.Rollout, in.Answer)
	default:
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
	for i := range m.Approvals {
		if i == 0 {
			m.Approvals = slices.Clone(m.Approvals)
		}
		m.Approvals[i].Age += d
	}
	switch m.Phase {
	case Progressing, Baking:
		if m.AtStop {
			m.Waited += d
		} else {
			m.Held += d
		}
		m.Age += d
	case Paused:
		m.Age += d
		if m.pausedFor(ReasonCanaryUnavailable) {
			m.Away += d
		}
	case Waiting:
		if m.AtStop {
			m.Waited += d
		}
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
	if m.in.InFlight > 0 && time.Duration(m.Away) < r.DrainTimeout && !r.DrainImmediate {
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
	if !m.unbegun() && m.health(r) {
		return
	}
	if m.judge(r) || m.duel(r) {
		return
	}
	switch m.Phase {
	case Waiting, Progressing:
		m.onward(r)
	case Baking:
		if m.in.Report != nil && waitingFor(r, &m.State) == "" && !m.in.Hold {
			m.succeed(m.begin("promote", actorAnalysis, ""), m.promoted())
		}
	}
}

// waitingFor is what the step still needs, in the order in which people ask; "" is nothing. The bake needs its time, and that nothing
// fails. In manual mode the checks are for the person to look at.
func waitingFor(r *Rollout, s *State) string {
	step := r.at(s)
	baking := s.base() == Baking
	open := func(v Verdict) bool { return decides(v) && v.Verdict != analysis.Pass && !v.Optional }
	failing := func(v Verdict) bool { return open(v) && v.Verdict == analysis.Fail }
	switch {
	case time.Duration(s.Held) < step.Hold:
		return "hold"
	case baking:
		if slices.ContainsFunc(s.Checks, failing) {
			return "evidence"
		}
	case r.AB != nil:
		if s.splitting(r) {
			return "evidence"
		}
	case s.Unproven:
	case s.Requests < max(step.MinRequests, 1):
		return "requests"
	case r.Decision == Manual:
	case slices.ContainsFunc(s.Checks, func(v Verdict) bool { return open(v) && v.Reason == analysis.ReasonRequests }):
		return "requests"
	case len(s.Checks) < len(r.Rules.Rules)+len(r.Sampled.Checks) || slices.ContainsFunc(s.Checks, open):
		return "evidence"
	}
	return ""
}

func (m *machine) pause(reason string) {
	if m.Phase != Paused {
		m.Back, m.BackReason, m.Phase = m.Phase, m.Reason, Paused
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
	m.Phase, m.Reason, m.Back, m.BackReason, m.Pauses = m.Back, m.BackReason, "", "", nil
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
	d.Seq, d.To, d.WeightTo, d.Step, d.Outcome, d.Sentence = m.Seq, m.Phase, m.shown(), m.Step, m.Outcome, sentence
	d.Winner = m.winner()
	m.decisions = append(m.decisions, d)
	m.Last = &d
	m.tell(d)
}

func (m *machine) shown() Weight { return shown(m.plan, &m.State) }
