package rollout

import (
	"context"
	"slices"
)

// maxUndelivered bounds the events that wait in a state; the oldest are given up.
const maxUndelivered = 200

// Event is a decision that somebody is to be told of. It stays in the state document until Delivered takes it out, so that a crash loses
// none: a receiver may get it twice, with the same ID.
type Event struct {
	ID       string   `json:"id"`
	Decision Decision `json:"decision"`
}

// tell puts a decision into the outbox, where the plan has receivers.
func (m *machine) tell(d Decision) {
	if !m.plan.Receivers {
		return
	}
	random := m.in.Random
	random[1] += d.Seq // several decisions may come of one input
	all := append(slices.Clone(m.Undelivered), Event{ID: attemptID(m.in.Now, random), Decision: d})
	m.Undelivered = all[max(0, len(all)-maxUndelivered):]
}

// Undelivered are the events that wait for their delivery, the oldest first.
func (c *Controller) Undelivered() []Event { return c.view.Load().state.Undelivered }

// Delivered takes events out of the outbox. It changes nothing else, and is written with the next state.
func (c *Controller) Delivered(ctx context.Context, ids ...string) error {
	_, err := c.ask(ctx, request{delivered: ids})
	return err
}

// Questions are what webhooks are asked now.
func (c *Controller) Questions() []Question {
	v := c.view.Load()
	return Questions(&v.plan, &v.state)
}

// Answer brings what a webhook said into the loop. What it leads to is in force when it returns, and everyone who has subscribed is nudged.
func (c *Controller) Answer(ctx context.Context, a Answer) error {
	_, err := c.ask(ctx, request{hook: &a})
	c.nudge()
	return err
}

// deliver is Delivered's part in the loop. The state that is being written holds the events too, so it is waited for.
func (c *Controller) deliver(r request) {
	if c.writer.pending != nil {
		c.deferred = append(c.deferred, r)
		return
	}
	ids := r.delivered
	c.state.Undelivered = slices.DeleteFunc(slices.Clone(c.state.Undelivered), func(e Event) bool { return slices.Contains(ids, e.ID) })
	c.writer.dirty()
	c.publish()
	c.answer(r, nil)
}
