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
	if r.Strategy != Canary {
		out.Strategy = r.Strategy
	}
	out.Steps, out.Plan = r.bakeStep(), r.shownPlan()
	out.ABTest, out.SampleRatioEvidence = s.AB, s.RatioEvidence
	if !s.active() {
		return out
	}
	out.WaitingFor, out.Gate, out.Waived = s.waitingFor(r), s.awaiting(r), s.Waivers
	if out.WaitingFor == ReasonWebhook {
		out.Webhook = s.Hook
	}
	stop, standing := s.standing(r)
	if standing && s.Phase == Waiting && stop.Expires > 0 {
		out.ExpiresIn = Duration(max(0, stop.Expires-time.Duration(s.Waited)).Round(time.Millisecond))
	}
	switch {
	case standing && stop.Gate == "":
		out.Held, out.HoldNeeded = Duration(time.Duration(s.Waited).Round(time.Millisecond)), Duration(stop.Pause)
		return out
	case s.unbegun():
		return out
	}
	step := r.at(s)
	out.HoldNeeded = Duration(step.Hold)
	if s.base() == Progressing && !s.Unproven {
		out.RequestsNeeded = max(s.Needed, max(step.MinRequests, s.Requests)-s.Requests)
		out.TimeNeeded = Duration(time.Duration(s.NeededTime).Round(time.Second))
	}
	return out
}

// waitingFor is what an attempt needs to go on; "" where a pause has another reason.
func (s *State) waitingFor(r *Rollout) string {
	stop, standing := s.standing(r)
	switch {
	case s.pausedFor(ReasonCheckFailed), s.pausedFor(ReasonInsufficient):
		return "person"
	case s.Phase == Paused:
		return ""
	case standing && stop.Gate == "":
		return "hold"
	case standing:
		return stop.kind()
	case s.Hook != "":
		return ReasonWebhook
	case s.unbegun():
		return "health"
	default:
		return waitingFor(r, s)
	}
}
