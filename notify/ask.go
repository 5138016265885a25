package notify

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"sluice/rollout"
)

// actor of approvals that a gate's webhook gives.
const actor = "webhook"

// asker asks one webhook whenever the rollout has a question for it.
type asker struct {
	*Notifier
	hook     *Hook
	gate     *Gate // where the hook opens one
	client   *client
	interval time.Duration
}

func (n *Notifier) hookAsker(h *Hook) *asker {
	a := &asker{Notifier: n, hook: h, client: newClient(h.Endpoint), interval: n.pace.Poll}
	switch rollout.HookType(h.Type) {
	case rollout.EachStep, rollout.PreRollout:
		a.interval = n.pace.Repeat
	}
	return a
}

func (n *Notifier) gateAsker(g *Gate) *asker {
	return &asker{Notifier: n, hook: &Hook{Type: "gate"}, gate: g, client: newClient(g.Endpoint), interval: g.Interval}
}

func (a *asker) run(ctx context.Context) {
	changes := a.rollout.Subscribe(ctx)
	for {
		q, ok := a.asked()
		if ok {
			a.until(ctx, q, changes)
		} else {
			select {
			case <-ctx.Done():
			case <-changes:
			}
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// asked is the question to this webhook now.
func (a *asker) asked() (rollout.Question, bool) {
	for _, q := range a.rollout.Questions() {
		if a.gate == nil && q.Hook == a.hook.Name && q.Gate == "" {
			return q, true
		}
		if a.gate != nil && q.Gate == a.gate.Name && q.Step == a.gate.Step {
			return q, true
		}
	}
	return rollout.Question{}, false
}

// until asks until the question is another: a call about what is over is given up, however long it hangs.
func (a *asker) until(ctx context.Context, q rollout.Question, changes <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.ask(ctx, q)
	}()
	for {
		select {
		case <-ctx.Done():
		case <-done:
		case <-changes:
			if now, ok := a.asked(); ok && now == q && ctx.Err() == nil {
				continue
			}
		}
		cancel()
		<-done
		return
	}
}

// ask asks, again and again, as long as the answer changes nothing.
func (a *asker) ask(ctx context.Context, q rollout.Question) {
	for {
		said, failed := a.call(ctx, q)
		if ctx.Err() != nil {
			return
		}
		a.report(ctx, q, said, failed)
		if now, ok := a.asked(); !ok || now != q || !sleep(ctx, a.interval) {
			return
		}
	}
}

// call is one question with its repetitions. Who is polled is not repeated: the next poll is.
func (a *asker) call(ctx context.Context, q rollout.Question) (said string, failed *failure) {
	retries := 0
	switch rollout.HookType(a.hook.Type) {
	case rollout.PreRollout, rollout.EachStep:
		retries = a.hook.Retries
	}
	gate := ""
	if a.gate != nil {
		gate = a.gate.Name
	}
	for n := 0; ; n++ {
		s := a.rollout.Status()
		body := asking(a.hook, gate, q, &s)
		said, failed = a.client.post(ctx, body.ID, encode(body), nil)
		if failed == nil || n >= retries || !sleep(ctx, max(a.pace.backoff(n+1), failed.wait)) {
			return said, failed
		}
	}
}

// report brings the answer to the rollout.
func (a *asker) report(ctx context.Context, q rollout.Question, said string, failed *failure) {
	if failed != nil {
		a.log.Debug("a webhook did not pass", zap.String("webhook", a.name()), zap.String("why", failed.detail))
	}
	polled := rollout.HookType(a.hook.Type) != rollout.PreRollout && rollout.HookType(a.hook.Type) != rollout.EachStep
	var err error
	switch {
	case polled && failed != nil: // not yet
	case a.gate == nil:
		answer := rollout.Answer{Attempt: q.Attempt, Step: q.Step, Hook: q.Hook, Passed: failed == nil, Detail: said}
		if failed != nil {
			answer.Detail = failed.detail
		}
		err = a.rollout.Answer(ctx, answer)
	default:
		_, err = a.rollout.Do(ctx, rollout.Command{
			Verb: "approve", Attempt: q.Attempt, Step: &q.Step, Gate: q.Gate, Actor: actor, Comment: said,
		})
	}
	var refused *rollout.Refused
	if err != nil && ctx.Err() == nil && !errors.As(err, &refused) { // refused: a person was faster
		a.log.Warn("a webhook's answer was not taken", zap.String("webhook", a.name()), zap.Error(err))
	}
}

func (a *asker) name() string {
	if a.gate != nil {
		return "gate " + a.gate.Name
	}
	return a.hook.Name
}
