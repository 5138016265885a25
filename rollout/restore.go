package rollout

import (
	"context"
	"slices"

	"go.uber.org/zap"

	"sluice/metrics"
)

// boot loads the state and writes it once: a state folder has to take a write before anything on trial gets traffic.
func (c *Controller) boot() {
	s, lost := c.load()
	c.catchUp(s.Last)
	c.state = s
	in := c.input()
	s, decisions, err := Boot(&c.plan, s, &in, lost)
	if err != nil {
		panic("bug: a boot was refused: " + err.Error())
	}
	c.top = s.Seq
	if c.plan.Rollout != nil && !lost {
		in.StableUp, in.CanaryUp = c.available(s.Stable.Backend), c.available(s.Canary.Backend)
		c.writer.start(&c.plan, &s, nil)
		if err := c.writer.wait(bootPatience); err != nil {
			c.log.Error("the state can't be written: the canary gets no traffic until it can", zap.Error(err))
			var more []Decision
			s, more = ReadOnly(&c.plan, s, &in)
			decisions = append(decisions, more...)
			c.writer.dirty()
		}
	}
	c.top = max(c.top, s.Seq)
	c.state, c.routing = s, RoutingOf(&c.plan, &s)
	c.restartWindows(metrics.Now())
	c.record(decisions)
	c.publish()
}

// load reads the committed state; lost is one that is there and can't be used.
func (c *Controller) load() (s State, lost bool) {
	ctx, cancel := context.WithTimeout(context.Background(), bootPatience)
	defer cancel()
	doc, err := c.config.Store.Get(ctx, c.plan.Route)
	c.writer.version = doc.Version
	if err == nil && doc.Version > 0 {
		s, err = decodeState(doc.Value)
	}
	if err != nil {
		c.log.Error("the rollout's state can't be read: stable gets all traffic, nothing starts by itself; use start or abort",
			zap.Error(err))
		return State{}, true
	}
	return s, false
}

// catchUp writes the last decision that was committed to the journal, where a crash came between the two.
func (c *Controller) catchUp(last *Decision) {
	if last == nil {
		return
	}
	written := func(d Decision) bool { return d.Seq == last.Seq && d.At.Equal(last.At) }
	if !slices.ContainsFunc(c.config.Journal.Last(c.plan.Route, journalKeep), written) {
		c.config.Journal.Add(*last)
	}
}
