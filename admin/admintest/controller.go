package admintest

import (
	"context"
	"slices"
	"sync"

	"sluice/rollout"
)

// Controller is a rollout that remembers its commands and changes only when Set is called. State, Journal and OnLook are set before
// Serve, Err before the first request, and all by Set afterwards.
type Controller struct {
	mu      sync.Mutex
	State   rollout.Status
	Journal []rollout.Decision // newest first
	// Err is what Do answers, when not nil.
	Err      error
	commands []rollout.Command
	looks    int
	// OnLook is called, when not nil, at each look at the state, with their number from 1, and may change s.
	OnLook func(look int, s *rollout.Status)

	// Log is the block log of each attempt.
	Log []byte

	nudges []chan struct{}
}

// Do implements admin.Controller.
func (c *Controller) Do(_ context.Context, command rollout.Command) (rollout.Status, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commands = append(c.commands, command)
	return c.State, c.Err
}

// Status implements admin.Controller.
func (c *Controller) Status() rollout.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	if c.OnLook != nil {
		c.OnLook(c.looks, &c.State)
	}
	return c.State
}

// Decisions implements admin.Controller.
func (c *Controller) Decisions(limit int) []rollout.Decision {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.Journal[:min(limit, len(c.Journal))])
}

// Blocks implements admin.Controller.
func (c *Controller) Blocks(string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.Log), nil
}

// Commands are those that Do took, in order.
func (c *Controller) Commands() []rollout.Command {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.commands)
}

// Subscribe implements admin.Controller.
func (c *Controller) Subscribe(ctx context.Context) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	nudge := make(chan struct{}, 1)
	c.nudges = append(c.nudges, nudge)
	context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.nudges = slices.DeleteFunc(c.nudges, func(n chan struct{}) bool { return n == nudge })
		close(nudge)
	})
	return nudge
}

// Set changes the controller while it is being looked at, and tells those who have subscribed.
func (c *Controller) Set(change func(*Controller)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
	for _, n := range c.nudges {
		select {
		case n <- struct{}{}:
		default:
		}
	}
}
