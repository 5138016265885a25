package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/analysis"
	"sluice/metrics"
	"sluice/store"
)

const (
	// defaultInterval between two looks; a route without a rollout looks after its writes only.
	defaultInterval = 100 * time.Millisecond
	idleInterval    = time.Second
	// saveEvery bounds what a crash loses of the time held.
	saveEvery = analysis.SavedEvery
	// bootPatience is how long a start waits for the store.
	bootPatience = 10 * time.Second
	// stopPatience is how long an end does.
	stopPatience = 5 * time.Second
	// faultEvery bounds how often a fault that repeats with each tick is logged.
	faultEvery = time.Minute
)

// Config is what a Controller works with. Its functions are quick and safe for concurrent use.
type Config struct {
	// Plan of the route. SetPlan brings a new one.
	Plan Plan
	// Store keeps the state, under the route's name.
	Store store.Store
	// Journal gets every decision; nil keeps them in memory.
	Journal *Journal
	// Blocks keeps what the judge was given; nil keeps nothing.
	Blocks *Blocks
	// Meters of a backend by name; nil where it has none.
	Meters func(backend string) *metrics.Meter
	// Copies are the meters of copies of requests, and of what they are copies of; nil where the strategy is about none.
	Copies func() (copies, originals *metrics.Meter)
	// Available says whether a backend has a healthy endpoint, InFlight how many requests it has.
	Available func(backend string) bool
	InFlight  func(backend string) int64
	// CutStreams ends what has no end of its own, tunnels and event streams, when a rollback has waited long enough; nil leaves them.
	CutStreams func(backend string)
	// Apply puts a routing into force. The loop alone calls it, in the order of Seq. A reload calls it with names of the new plan, a route
	// that is removed with none.
	Apply func(Routing)
	// Users is told where the users of a sticky route are counted while an attempt has traffic, and nil after it; it may be nil itself.
	Users func(*metrics.Keys)
	// Visits puts an empty table of visits in force, of an attempt (once) or of the time between, and gives it: nil where the plan knows no
	// conversions. It may be nil itself.
	Visits func(once bool) *metrics.Visits
	// Now is the wall clock, which may be set at any time: decisions are dated by it, and nothing is measured with it. nil is time.Now.
	Now func() time.Time
	// Log may be nil.
	Log *zap.Logger
}

// Controller is the loop of one route: it ages the state, asks the engine, writes and applies what came of it.
type Controller struct {
	config   Config
	log      *zap.Logger
	requests chan request
	stopped  chan struct{} // closed when Run has ended
	view     atomic.Pointer[view]

	mu          sync.Mutex
	subscribers map[chan struct{}]struct{}

	// What follows belongs to the loop (before Run: to New).
	plan     Plan
	state    State   // in force
	routing  Routing // of state
	top      uint64  // the highest Seq given so far, also to a proposal that was dropped
	last     metrics.Instant
	watch    watch
	faultAt  metrics.Instant
	writer   writer
	deferred []request // bolder commands, until a write has returned
}

// view is what others see of the loop.
type view struct {
	status  Status
	routing Routing
	state   State
	plan    Plan
}

// request enters the loop; one of its fields before reply is set.
type request struct {
	command *Command
	plan    *Plan
	// delivered events by id.
	delivered []string
	hook      *Answer  // of a webhook
	reading   *Reading // of a sampled check
	reply     chan reply
}

type reply struct {
	status Status
	err    error
}

// New takes up the route's state from the store: Routing is in force and Status is right when it returns. A store that can't be read or
// written is no error, it makes a pause. The error is about the plan.
func New(c Config) (*Controller, error) {
	if err := checkPlan(&c.Plan); err != nil {
		return nil, err
	}
	if c.Journal == nil {
		c.Journal = OpenJournal("")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	ctl := &Controller{
		config: c, log: c.Log.With(zap.String("route", c.Plan.Route)), plan: c.Plan,
		requests: make(chan request), stopped: make(chan struct{}),
		subscribers: map[chan struct{}]struct{}{}, last: metrics.Now(), writer: newWriter(c.Store, c.Plan.Route),
	}
	ctl.watch.users, ctl.watch.copies, ctl.watch.visits.anew = c.Users, c.Copies, c.Visits
	ctl.watch.trace = blockTrace{to: c.Blocks.of(c.Plan.Route), route: c.Plan.Route}
	ctl.boot()
	return ctl, nil
}

func checkPlan(p *Plan) error {
	r := p.Rollout
	if r == nil {
		return nil
	}
	for _, name := range []string{r.Stable, r.Canary} {
		if !p.has(name) {
			return fmt.Errorf("rollout of route %s: there is no backend %q", p.Route, name)
		}
	}
	if r.Stable == r.Canary {
		return fmt.Errorf("rollout of route %s: stable and canary are the same backend %q", p.Route, r.Stable)
	}
	var before Weight
	for i, s := range r.Steps {
		if s.Copies && i == 0 && s.Weight == 0 && r.atOnce() {
			continue
		}
		if s.Weight <= before || s.Weight >= Full {
			return fmt.Errorf("rollout of route %s: step %d: weights have to rise and stay below 100%%", p.Route, i+1)
		}
		before = s.Weight
	}
	for _, s := range r.Stops {
		if s.Before < 1 || s.Before > r.bakeStep() || (s.Gate == "") == (s.Pause <= 0) {
			return fmt.Errorf("rollout of route %s: a stop is before no weight, or is neither a gate nor a pause", p.Route)
		}
	}
	if r.BakeStable > Full {
		return fmt.Errorf("rollout of route %s: bakeStable is above 100%%", p.Route)
	}
	return nil
}

// Run is the loop. It ends with ctx, after the state has been saved.
func (c *Controller) Run(ctx context.Context) error {
	defer close(c.stopped)
	c.config.Apply(c.routing)
	ticker := time.NewTicker(c.interval())
	defer ticker.Stop()
	for {
		c.write()
		select {
		case <-ctx.Done():
			c.stop()
			return nil
		case <-ticker.C:
			c.tick()
		case r := <-c.requests:
			c.serve(r)
			if r.plan != nil {
				ticker.Reset(c.interval())
			}
		case w := <-c.writer.results:
			c.wrote(w)
		}
	}
}

func (c *Controller) interval() time.Duration {
	switch r := c.plan.Rollout; {
	case r == nil:
		return idleInterval
	case r.Interval > 0:
		return r.Interval
	default:
		return defaultInterval
	}
}

// stop saves the state, and leaves a store that does not answer behind.
func (c *Controller) stop() {
	deadline := time.After(stopPatience)
	c.age()
	if c.plan.Rollout != nil && c.state.active() {
		c.state.Clean = true
		c.writer.dirty()
	}
	c.writer.retryAt = metrics.Now()
	for {
		c.write()
		if !c.writer.busy {
			break
		}
		select {
		case w := <-c.writer.results:
			c.wrote(w)
			if w.err != nil {
				c.giveUp()
				return
			}
		case <-deadline:
			c.log.Error("the state could not be saved before the end: the store does not answer")
			c.giveUp()
			return
		}
	}
}

func (c *Controller) giveUp() {
	c.drop("the process ends")
	for _, r := range c.deferred {
		c.answer(r, errStopped)
	}
}

var errStopped = errors.New("the rollout's loop has ended")

// ask sends a request into the loop and waits for its answer.
func (c *Controller) ask(ctx context.Context, r request) (Status, error) {
	r.reply = make(chan reply, 1)
	select {
	case c.requests <- r:
	case <-ctx.Done():
		return c.Status(), ctx.Err()
	case <-c.stopped:
		return c.Status(), errStopped
	}
	select {
	case a := <-r.reply:
		return a.status, a.err
	case <-ctx.Done():
		return c.Status(), ctx.Err()
	case <-c.stopped:
	}
	select {
	case a := <-r.reply: // answered with its last breath
		return a.status, a.err
	default:
		return c.Status(), errStopped
	}
}

// Do does what a person asks for, and gives the status after it. A bolder weight is in force when it returns. The error is *Refused or
// *Invalid, or ctx's: then the command may have been done.
func (c *Controller) Do(ctx context.Context, cmd Command) (Status, error) {
	return c.ask(ctx, request{command: &cmd})
}

// SetPlan puts a reloaded plan into force; Apply has been called when it returns. An error refuses the reload, *Refused where the file
// has to be mended.
func (c *Controller) SetPlan(ctx context.Context, p Plan) error {
	_, err := c.ask(ctx, request{plan: &p})
	return err
}

// CheckPlan says whether SetPlan would be refused now, and changes nothing.
func (c *Controller) CheckPlan(p Plan) error {
	if err := checkPlan(&p); err != nil {
		return &Refused{Reason: err.Error()}
	}
	s := c.view.Load().state
	in := Input{Now: c.config.Now(), CanaryUp: c.available(s.Canary.Backend), StableUp: c.available(s.Stable.Backend)}
	_, _, err := Adopt(&p, s, &in, false)
	return err
}

// Remove ends a running attempt and deletes the state, for a route that the configuration no longer has. Run goes on until its context
// ends.
func (c *Controller) Remove(ctx context.Context) error {
	return c.SetPlan(ctx, Plan{Route: c.config.Plan.Route})
}

// Status is the rollout as the admin API shows it; also before and after Run.
func (c *Controller) Status() Status { return c.view.Load().status }

// Routing is the one in force.
func (c *Controller) Routing() Routing { return c.view.Load().routing }

// Decisions of the route, the newest first.
func (c *Controller) Decisions(limit int) []Decision {
	return c.config.Journal.Last(c.config.Plan.Route, limit)
}

// Blocks are the block log of an attempt; nil where there is none.
func (c *Controller) Blocks(attempt string) ([]byte, error) {
	return c.config.Blocks.Read(c.config.Plan.Route, attempt)
}

// Subscribe gives a nudge after every change of the state, until ctx ends. Changes that follow each other fast may be one nudge.
func (c *Controller) Subscribe(ctx context.Context) <-chan struct{} {
	ch := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscribers[ch] = struct{}{}
	context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.subscribers, ch)
		close(ch)
	})
	return ch
}

func (c *Controller) nudge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch := range c.subscribers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
