package notify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"sluice/rollout"
)

const (
	// maxAge is when an event is given up.
	maxAge = 24 * time.Hour
	// maxRefused is how often a receiver may answer 4xx to an event.
	maxRefused = 10
)

// courier brings decisions to one receiver, in their order.
type courier struct {
	*Notifier
	name string
	// send tells of an event; nil, nil is that it has nothing to tell of it.
	send func(ctx context.Context, e *rollout.Event) *failure
	done []string // ids, guarded by the notifier's mu
}

func (n *Notifier) hookCourier(h *Hook) *courier {
	to := newClient(h.Endpoint)
	return &courier{Notifier: n, name: h.Name, send: func(ctx context.Context, e *rollout.Event) *failure {
		if h.Type == PostRollout && !ends(&e.Decision) {
			return nil
		}
		var header map[string]string
		if h.Type == EventHook {
			header = cloudEvent(e)
		}
		s := n.rollout.Status()
		_, failed := to.post(ctx, e.ID, encode(telling(h, e, &s)), header)
		return failed
	}}
}

func (n *Notifier) alertCourier(i int) *courier {
	a := &n.settings.Alerts[i]
	to := newClient(a.Endpoint)
	var said repeats
	return &courier{Notifier: n, name: fmt.Sprintf("alerts[%d] (%s)", i, a.Type), send: func(ctx context.Context, e *rollout.Event) *failure {
		level, ok := severityOf(&e.Decision)
		if !ok || level < a.Severity || said.lately(e) {
			return nil
		}
		m := newMessage(e, level, n.settings.PublicURL)
		_, failed := to.post(ctx, e.ID, a.body(&m), nil)
		if failed == nil {
			said.note(e)
		}
		return failed
	}}
}

// ends says that an attempt ended with the decision.
func ends(d *rollout.Decision) bool {
	switch d.To {
	case rollout.Succeeded, rollout.Failed, rollout.Aborted, rollout.Superseded:
		return d.From != d.To && d.Attempt != ""
	}
	return false
}

func (c *courier) run(ctx context.Context) {
	changes := c.rollout.Subscribe(ctx)
	tries, refused := 0, 0
	for ctx.Err() == nil {
		e, ok := c.next()
		if !ok {
			select {
			case <-ctx.Done():
			case <-changes:
			}
			continue
		}
		failed := c.send(ctx, &e)
		if ctx.Err() != nil {
			return
		}
		if failed != nil && failed.hopeless() {
			refused++
		}
		switch {
		case failed == nil:
		case refused >= maxRefused || time.Since(e.Decision.At) > maxAge:
			c.log.Error("an event was given up", zap.String("receiver", c.name), zap.String("id", e.ID), zap.String("why", failed.detail))
		default:
			if tries++; tries == 1 {
				c.log.Warn("an event is not delivered yet, it is tried again", zap.String("receiver", c.name), zap.String("id", e.ID),
					zap.String("why", failed.detail))
			}
			sleep(ctx, max(c.pace.backoff(tries), failed.wait))
			continue
		}
		tries, refused = 0, 0
		c.finish(e.ID)
	}
}

// next is the oldest event that this receiver was not told of.
func (c *courier) next() (rollout.Event, bool) {
	events := c.rollout.Undelivered()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range events {
		if !slices.Contains(c.done, e.ID) {
			return e, true
		}
	}
	return rollout.Event{}, false
}

func (c *courier) finish(id string) {
	c.mu.Lock()
	c.done = append(c.done, id)
	c.mu.Unlock()
	select {
	case c.settle <- struct{}{}:
	default:
	}
}

// settleUntil takes out of the outbox what all receivers were told. It may wait for the disk, so that no receiver does.
func (n *Notifier) settleUntil(ctx context.Context) {
	changes := n.rollout.Subscribe(ctx)
	for ctx.Err() == nil {
		if ids := n.settled(); len(ids) > 0 {
			if err := n.rollout.Delivered(ctx, ids...); err != nil {
				if ctx.Err() == nil {
					n.log.Warn("what was delivered stays in the outbox", zap.Error(err))
				}
				return
			}
			n.forget()
		}
		select {
		case <-ctx.Done():
		case <-n.settle:
		case <-changes: // without receivers nothing else says that there is something to drop
		}
	}
}

func (n *Notifier) settled() []string {
	events := n.rollout.Undelivered()
	n.mu.Lock()
	defer n.mu.Unlock()
	var ids []string
	for _, e := range events {
		if !slices.ContainsFunc(n.couriers, func(c *courier) bool { return !slices.Contains(c.done, e.ID) }) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// forget drops ids that are in the outbox no longer.
func (n *Notifier) forget() {
	events := n.rollout.Undelivered()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.couriers {
		c.done = slices.DeleteFunc(c.done, func(id string) bool {
			return !slices.ContainsFunc(events, func(e rollout.Event) bool { return e.ID == id })
		})
	}
}
