package rollout

import (
	"math/rand/v2"

	"go.uber.org/zap"

	"sluice/analysis"
	"sluice/metrics"
)

// tick lets the engine look at the numbers. A fault of the judge freezes the weights; commands go on working.
func (c *Controller) tick() {
	defer func() {
		if fault := recover(); fault != nil {
			c.fault(fault)
		}
	}()
	if c.plan.Rollout == nil {
		return
	}
	c.age()
	in := c.input()
	in.Written = c.writer.takeWritten()
	in.Hold = c.writer.pending != nil || c.writer.failing()
	c.observe(&in)
	c.tryJudge()
	s, decisions, _ := Next(&c.plan, c.numbered(), &in)
	c.accept(s, decisions, nil)
	if c.state.active() && c.writer.clean() && c.writer.savedAt.Add(saveEvery) <= c.last {
		c.writer.dirty()
	}
}

func (c *Controller) fault(what any) {
	if now := metrics.Now(); c.faultAt == 0 || now.Sub(c.faultAt) >= faultEvery {
		c.faultAt = now
		c.log.Error("bug: the judge failed: weights stay as they are; pause, abort and promote work",
			zap.Any("fault", what), zap.Stack("stack"))
	}
}

// observe lets the judge look at what has come of age, or stable be learned where no attempt has traffic.
func (c *Controller) observe(in *Input) {
	canary, stable := c.meter(c.state.Canary.Backend), c.meter(c.state.Stable.Backend)
	if !c.watch.watches(canary, stable) {
		c.restartWindows(c.last)
	}
	switch {
	case !c.state.active():
		c.watch.learn(c.plan.Rollout.Timeout, c.last)
	case c.state.unbegun():
		c.watch.learn(c.plan.Rollout.Timeout, c.last)
		in.Report, in.Fast = &analysis.Report{Failed: -1}, c.watch.lane(c.plan.Rollout, c.last)
	default:
		in.Report, in.Fast = c.watch.look(&c.plan, &c.state, c.last), c.watch.lane(c.plan.Rollout, c.last)
		in.Sampled = c.watch.sampledChecks(&c.plan, &c.state)
	}
}

// tryJudge tells, once, that the judge finds evidence where there is no canary.
func (c *Controller) tryJudge() {
	most := c.watch.control.most()
	if most > alarming && !c.watch.control.told {
		c.log.Warn("the judge finds evidence against stable's own requests: its bound does not hold for this route's traffic; "+
			"make the route sticky, or its margins wider", zap.Float64("evidence", most))
	}
	c.watch.control.told = most > alarming
}

// restartWindows begins the windows of the numbers anew; since is when what is in force was being put in force.
func (c *Controller) restartWindows(since metrics.Instant) {
	canary, stable := c.meter(c.state.Canary.Backend), c.meter(c.state.Stable.Backend)
	c.watch.restart(&c.plan, &c.state, canary, stable, since, metrics.Now())
}

func (c *Controller) meter(backend string) *metrics.Meter {
	if c.config.Meters == nil || backend == "" {
		return nil
	}
	return c.config.Meters(backend)
}

func (c *Controller) available(backend string) bool {
	return c.config.Available == nil || backend == "" || c.config.Available(backend)
}

// age gives the state the time since the last look, so that an input itself takes none.
func (c *Controller) age() {
	now := metrics.Now()
	c.state = aged(c.state, now.Sub(c.last))
	c.last = now
}

func (c *Controller) input() Input {
	in := Input{
		Now: c.config.Now(), Random: [2]uint64{rand.Uint64(), rand.Uint64()},
		CanaryUp: c.available(c.state.Canary.Backend), StableUp: c.available(c.state.Stable.Backend),
	}
	if c.config.InFlight != nil && c.state.Canary.Backend != "" {
		in.InFlight = c.config.InFlight(c.state.Canary.Backend)
	}
	return in
}

// numbered is the state with the highest Seq, so that what comes of it is newer than everything that was ever sent to the store.
func (c *Controller) numbered() State {
	s := c.state
	s.Seq = c.top
	return s
}

// serve does what others ask for.
func (c *Controller) serve(r request) {
	c.age()
	in := c.input()
	switch {
	case r.plan != nil:
		c.answer(r, c.reload(r.plan, &in))
		return
	case r.delivered != nil:
		c.deliver(r)
		return
	case r.reading != nil:
		c.sample(r.reading)
		c.answer(r, nil)
		return
	}
	in.Command, in.Answer = r.command, r.hook
	s, decisions, err := Next(&c.plan, c.numbered(), &in)
	if err != nil {
		c.answer(r, err)
		return
	}
	c.accept(s, decisions, &r)
}

// reload puts another plan into force. It never raises a canary's weight, so there is nothing to wait for.
func (c *Controller) reload(p *Plan, in *Input) error {
	if err := checkPlan(p); err != nil {
		return &Refused{Reason: err.Error()}
	}
	s, decisions, err := Adopt(p, c.numbered(), in, false)
	if err != nil {
		return err
	}
	c.watch.trace.decided(decisions)
	c.drop("the configuration was reloaded")
	fresh := s.Config != c.state.Config || s.Stable != c.state.Stable || s.Canary != c.state.Canary
	c.plan = *p
	c.take(s, decisions)
	c.watch.visits.plan(p.Conversion, metrics.Now())
	if fresh {
		c.restartWindows(metrics.Now())
	}
	c.writer.dirty()
	return nil
}

// accept puts the engine's answer into force: at once where it is no bolder, else when it has been written.
func (c *Controller) accept(s State, decisions []Decision, r *request) {
	if s.Seq == c.top {
		s.Seq = c.state.Seq
		c.state = s
		c.publish()
		c.answer(orNobody(r), nil)
		return
	}
	c.watch.trace.decided(decisions)
	after := RoutingOf(&c.plan, &s)
	if rises(&c.routing, &after) {
		if c.writer.pending != nil {
			c.deferred = append(c.deferred, orNobody(r))
			return
		}
		c.top = s.Seq
		c.writer.pending = &proposal{state: s, decisions: decisions, request: orNobody(r)}
		return
	}
	c.drop("it was overtaken")
	c.take(s, decisions)
	c.writer.urgent()
	c.answer(orNobody(r), nil)
}

func orNobody(r *request) request {
	if r == nil {
		return request{}
	}
	return *r
}

// drop gives up a bolder state that is being written. The newer one is written after it.
func (c *Controller) drop(why string) {
	if p := c.writer.pending; p != nil {
		c.writer.pending = nil
		c.answer(p.request, refuse("nothing was done: %s while the state was being written", why))
	}
}

// take puts a state into force. Traffic comes first, then everything that can fail.
func (c *Controller) take(s State, decisions []Decision) {
	before, anew, since := c.routing, numbersRestarted(&c.state, &s), metrics.Now()
	drained := c.state.Phase == RollingBack && s.Phase != RollingBack
	c.state, c.routing, c.top = s, RoutingOf(&c.plan, &s), max(c.top, s.Seq)
	if !before.same(&c.routing) {
		c.config.Apply(c.routing)
		c.last = metrics.Now() // the new weight's clock starts now
		anew = true
	}
	if anew || !s.active() {
		c.restartWindows(since)
	}
	if drained && c.config.CutStreams != nil {
		c.config.CutStreams(s.Canary.Backend)
	}
	c.record(decisions)
	c.publish()
	c.nudge()
}

func (c *Controller) record(decisions []Decision) {
	for _, d := range decisions {
		c.config.Journal.Add(d)
		log := c.log.Info
		if d.Action == "rollback" || d.To == Paused {
			log = c.log.Warn
		}
		log(d.Sentence, zap.String("action", d.Action), zap.String("attempt", d.Attempt), zap.String("from", string(d.From)),
			zap.String("to", string(d.To)), zap.Float64("weight", d.WeightTo.Percent()),
			zap.String("reason", d.Reason), zap.String("actor", d.Actor))
	}
}

func (c *Controller) publish() {
	v := &view{status: StatusOf(&c.plan, &c.state), routing: c.routing, state: c.state, plan: c.plan}
	v.status.AAEvidenceMax = c.watch.control.most()
	if err := c.writer.err; err != nil {
		v.status.StateError, v.status.StateHeld = err.Error(), c.writer.held
	}
	c.view.Store(v)
}

func (c *Controller) answer(r request, err error) {
	if r.reply != nil {
		r.reply <- reply{status: c.view.Load().status, err: err}
	}
}
