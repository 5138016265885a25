package rollout

import "time"

// StatusOf is a state as the admin API shows it.
func StatusOf(p *Plan, s *State) Status {
	out := Status{
		Route: p.Route, Attempt: s.Attempt, Phase: s.Phase, Outcome: s.Outcome, Reason: s.Reason, Step: s.Step, Weight: shown(p, s),
		Stable: s.Stable, Canary: s.Canary, StartedAt: s.StartedAt, StepStartedAt: s.StepStartedAt,
		Held: Duration(time.Duration(s.Held).Round(time.Millisecond)), Checks: s.Checks, LastDecision: s.Last,
	}
	if out.Checks == nil {
		out.Checks = []Verdict{}
	}
	r := p.Rollout
	if r == nil {
		return out
	}
	out.Steps = r.bakeStep()
	if !s.active() {
		return out
	}
	step := r.at(s)
	switch s.Phase {
	case Waiting:
		out.WaitingFor = "health"
		return out
	case Progressing, Baking:
		out.WaitingFor = waitingFor(r, s)
	}
	out.HoldNeeded = Duration(step.Hold)
	if s.base() == Progressing {
		out.RequestsNeeded = max(step.MinRequests, s.Requests) - s.Requests
	}
	return out
}
