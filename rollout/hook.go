package rollout

import (
	"fmt"
	"slices"
)

// Hook is a webhook that an attempt asks. Who calls it is not the engine's business: answers are inputs.
type Hook struct {
	// Name is unique in the rollout and none of its checks'.
	Name string
	Type HookType
}

// HookType is when a webhook is asked, and what its answer means.
type HookType string

// The types that the engine knows; post-rollout and event are told what was decided, and asked nothing.
const (
	// ConfirmRollout holds an attempt before its first traffic, ConfirmTrafficIncrease before each weight, ConfirmPromotion before the bake.
	ConfirmRollout         HookType = "confirm-rollout"
	ConfirmTrafficIncrease HookType = "confirm-traffic-increase"
	ConfirmPromotion       HookType = "confirm-promotion"
	// PreRollout is asked before the first traffic and EachStep during each weight; a failure of theirs is one of the canary.
	PreRollout HookType = "pre-rollout"
	EachStep   HookType = "rollout"
	// RollbackHook rolls back when it passes.
	RollbackHook HookType = "rollback"
)

// actorWebhook is the actor of decisions that a webhook brought about.
const actorWebhook = "webhook"

// ReasonWebhook of a rollback, and of waiting.
const ReasonWebhook = "webhook"

// Question is what a webhook is asked now, and what its Answer has to name.
type Question struct {
	Attempt string
	// Step is 0 for RollbackHook, which is about the whole attempt.
	Step int
	// Hook is its name; with Gate it is "", the gate that is waited at.
	Hook, Gate string
}

// Answer is what a webhook said to a Question.
type Answer struct {
	Attempt string `json:"attempt"`
	Step    int    `json:"step"`
	Hook    string `json:"hook"`
	Passed  bool   `json:"passed"`
	// Detail is what it said, in one line, or why there is no answer.
	Detail string `json:"detail,omitempty"`
}

func (r *Rollout) hook(name string) (Hook, bool) {
	i := slices.IndexFunc(r.Hooks, func(h Hook) bool { return h.Name == name })
	if i < 0 {
		return Hook{}, false
	}
	return r.Hooks[i], true
}

// Questions are what webhooks are asked in a state.
func Questions(p *Plan, s *State) []Question {
	r := p.Rollout
	if r == nil || !s.active() || s.pausedFor(ReasonStateReadOnly) {
		return nil
	}
	var out []Question
	for _, h := range r.Hooks {
		switch h.Type {
		case RollbackHook:
			out = append(out, Question{Attempt: s.Attempt, Hook: h.Name})
		case EachStep:
			if !s.unbegun() && !s.off() {
				out = append(out, Question{Attempt: s.Attempt, Step: s.Step, Hook: h.Name})
			}
		default:
			if s.Phase == Waiting && s.Hook == h.Name && !s.hookPassed(h.Name) {
				out = append(out, Question{Attempt: s.Attempt, Step: s.Step, Hook: h.Name})
			}
		}
	}
	if stop, ok := s.standing(r); ok && stop.Gate != "" && s.Phase == Waiting {
		out = append(out, Question{Attempt: s.Attempt, Step: s.Step, Gate: stop.Gate})
	}
	return out
}

// hooksBefore are the webhooks that have to pass before the next weight, in their order.
func (m *machine) hooksBefore(r *Rollout) []Hook {
	var order []HookType
	if m.unbegun() {
		order = append(order, ConfirmRollout, PreRollout)
	} else {
		order = append(order, EachStep)
	}
	order = append(order, ConfirmTrafficIncrease)
	if m.Step+1 == r.bakeStep() {
		order = append(order, ConfirmPromotion)
	}
	var out []Hook
	for _, t := range order {
		for _, h := range r.Hooks {
			if h.Type == t {
				out = append(out, h)
			}
		}
	}
	return out
}

// nextHook is the first of them that has not passed; ok is false where the road is free.
func (m *machine) nextHook(r *Rollout) (h Hook, ok bool) {
	for _, h := range m.hooksBefore(r) {
		if !m.hookPassed(h.Name) && !slices.Contains(m.Waivers, h.Name) {
			return h, true
		}
	}
	return Hook{}, false
}

// hookPassed says that the webhook has passed at this weight.
func (s *State) hookPassed(hook string) bool {
	return slices.ContainsFunc(s.Answers, func(a Answer) bool { return a.Hook == hook && a.Passed })
}

// await begins to wait for a webhook.
func (m *machine) await(h Hook) {
	m.Hook = h.Name
	m.goTo(Waiting)
}

// heldByHook keeps an attempt that is otherwise ready where it is, until every webhook before the next weight has passed.
func (m *machine) heldByHook(r *Rollout) bool {
	h, ok := m.nextHook(r)
	if !ok {
		return false
	}
	d := m.begin("hold", actorAnalysis, ReasonWebhook)
	why := ""
	if !m.unbegun() {
		why = ": " + m.passed(r)
	}
	m.await(h)
	m.end(d, fmt.Sprintf("At %s, waiting for webhook %s%s.", m.shown(), h.Name, why))
	return true
}

// hookOver says that the webhooks that were waited for have passed. Numbers that went missing meanwhile are waited for like before.
func (m *machine) hookOver(r *Rollout) bool {
	if h, ok := m.nextHook(r); ok {
		m.Hook = h.Name
		return false
	}
	if m.unbegun() || m.over(r) || m.Unproven {
		m.Hook = ""
		return true
	}
	d := m.begin("hold", actorAnalysis, "")
	m.Hook = ""
	m.goTo(m.stepPhase())
	m.end(d, fmt.Sprintf("The webhooks agree; the numbers of %s have to come in again first.", m.shown()))
	return false
}

// answered takes a webhook's answer. One to a question that is no longer asked changes nothing.
func (m *machine) answered(r *Rollout, a *Answer) {
	h, ok := r.hook(a.Hook)
	if !ok || !m.active() || a.Attempt != m.Attempt || !m.unbegun() && !m.in.StableUp {
		return // stable is gone: nothing is rolled back into it, and the webhook is asked again
	}
	if h.Type == RollbackHook {
		if a.Passed {
			m.rolledBackBy(fmt.Sprintf("Rolled back %s: webhook %s asked for it%s.", m.since(), h.Name, said(a)))
		}
		return
	}
	asked := m.Phase == Waiting && m.Hook == h.Name
	if h.Type == EachStep {
		asked = !m.unbegun()
	}
	if a.Step != m.Step || !asked {
		return
	}
	before := m.answer(h.Name)
	m.Answers = append(slices.DeleteFunc(slices.Clone(m.Answers), func(o Answer) bool { return o.Hook == h.Name }), *a)
	switch {
	case a.Passed:
		if next, more := m.nextHook(r); more && m.Hook == h.Name {
			m.Hook = next.Name
		}
	case h.Type == PreRollout || h.Type == EachStep:
		m.hookFailed(r, h, a, before)
	}
}

func (m *machine) answer(hook string) *Answer {
	for i := range m.Answers {
		if m.Answers[i].Hook == hook {
			return &m.Answers[i]
		}
	}
	return nil
}

// hookFailed does with a failing webhook what is done with a failing check.
func (m *machine) hookFailed(r *Rollout, h Hook, a, before *Answer) {
	switch {
	case slices.Contains(m.Waivers, h.Name):
	case r.Decision == Hybrid:
		if m.pausedFor(ReasonCheckFailed) {
			return
		}
		d := m.begin("pause", actorWebhook, ReasonCheckFailed)
		m.pause(ReasonCheckFailed)
		m.Asked = h.Name
		m.end(d, fmt.Sprintf("Paused at %s: webhook %s failed%s. Approving %s waives it for this attempt.", m.shown(), h.Name, said(a), h.Name))
	case r.AutoRollback:
		m.rolledBackBy(fmt.Sprintf("Rolled back %s: webhook %s failed%s.", m.since(), h.Name, said(a)))
	case before == nil || before.Passed:
		m.end(m.begin("hold", actorWebhook, ReasonWebhook),
			fmt.Sprintf("Holding at %s: webhook %s failed%s; it is asked again.", m.shown(), h.Name, said(a)))
	}
}

func (m *machine) rolledBackBy(sentence string) {
	d := m.begin("rollback", actorWebhook, ReasonWebhook)
	m.leave(RolledBack, ReasonWebhook)
	m.end(d, sentence)
}

func said(a *Answer) string {
	if a.Detail == "" {
		return ""
	}
	return " (" + a.Detail + ")"
}

// leaveHooks forgets what was asked at a weight.
func (m *machine) leaveHooks() { m.Hook, m.Answers = "", nil }
