package provider

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/analysis"
	"sluice/metrics"
	"sluice/rollout"
)

// Rollout is where samples go: a rollout.Controller.
type Rollout interface {
	// Sampling says what is to be sampled now; false is nothing.
	Sampling() (rollout.Sampling, bool)
	Sample(ctx context.Context, r rollout.Reading) error
}

// Sampler takes the samples of one route's checks.
type Sampler struct {
	rollout  Rollout
	settings Settings
	usage    *usage // nil without hosts
	log      *zap.Logger
}

// New makes a sampler; log may be nil. Without checks and hosts it has nothing to do.
func New(route string, r Rollout, s Settings, log *zap.Logger) *Sampler {
	if log == nil {
		log = zap.NewNop()
	}
	log = log.With(zap.String("route", route))
	out := &Sampler{rollout: r, settings: s, log: log}
	if len(s.Hosts) > 0 {
		out.usage = newUsage(&s, log)
	}
	return out
}

// Run samples until ctx ends; questions under way are given up then.
func (s *Sampler) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	if s.usage != nil {
		all.Go(func() { s.usage.run(ctx) })
	}
	for i := range s.settings.Checks {
		c := &s.settings.Checks[i]
		all.Go(func() { s.sample(ctx, c) })
	}
	return nil
}

// sample takes one check's samples. The first comes soon, and no two checks begin together.
func (s *Sampler) sample(ctx context.Context, c *Check) {
	every := c.Interval
	if c.Source == nil {
		every /= 5 // whether there is a new look at the hosts
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	said, seen := outage{}, metrics.Now().Add(-c.Interval)
	for wait := time.After(time.Duration(rand.Int64N(int64(c.Interval)/10 + 1))); ; wait = nil {
		select {
		case <-ctx.Done():
			return
		case <-wait:
		case <-ticker.C:
		}
		now, ok := s.rollout.Sampling()
		if !ok {
			continue
		}
		r, ok := s.read(ctx, c, now, &seen)
		if ctx.Err() != nil {
			return
		}
		if !ok {
			continue
		}
		s.tell(c, &said, r.Error)
		_ = s.rollout.Sample(ctx, r) // an error is ctx's end, or the loop's
	}
}

// outage is what was logged of a source.
type outage struct {
	silent bool
	told   time.Time
}

// tellEvery bounds how often a source that comes and goes is logged.
const tellEvery = time.Minute

// tell logs that a source has stopped to say numbers, and that it says them again.
func (s *Sampler) tell(c *Check, o *outage, why string) {
	if o.silent == (why != "") || why != "" && !o.told.IsZero() && time.Since(o.told) < tellEvery {
		return
	}
	if o.silent = why != ""; o.silent {
		o.told = time.Now()
		s.log.Warn("the number of a check is not known: the check does not decide", zap.String("check", c.Name), zap.String("why", why))
		return
	}
	s.log.Info("the number of a check is known again", zap.String("check", c.Name))
}

// read is one sample; false where there is nothing new to take one of. seen is the look at the hosts that the last one was of.
func (s *Sampler) read(ctx context.Context, c *Check, now rollout.Sampling, seen *metrics.Instant) (rollout.Reading, bool) {
	r := rollout.Reading{Attempt: now.Attempt, Check: c.Name, Since: metrics.Now()}
	if c.Source == nil {
		ok := s.readUse(c, now, &r, seen)
		return r, ok
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	v, err := ask(ctx, c.Source, s.log)
	if err != nil {
		r.Sample = analysis.Sample{Error: err.Error()}
		return r, true
	}
	r.Sample = analysis.Sample{Value: v}
	return r, true
}

// ask is a source's Read, whose faults are errors.
func ask(ctx context.Context, s Source, log *zap.Logger) (v float64, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("bug: %v", fault)
			log.Error("bug: a source of numbers failed", zap.Any("fault", fault), zap.Stack("stack"))
		}
	}()
	return s.Read(ctx)
}

// readUse is what is known of the hosts.
func (s *Sampler) readUse(c *Check, now rollout.Sampling, r *rollout.Reading, seen *metrics.Instant) bool {
	if s.usage == nil {
		r.Error = "nothing says what the hosts use"
		return true
	}
	canary, ok := s.usage.latest(now.Canary, c.Use)
	if !ok || errors.Is(canary.err, errFirst) {
		return false
	}
	r.Since = canary.since
	if !canary.late {
		if canary.at.Sub(*seen) < c.Interval*9/10 {
			return false // one look is one sample, and the looks may be for a check that wants more
		}
		*seen = canary.at
	}
	if canary.err != nil {
		r.Error = canary.err.Error()
		return true
	}
	r.Value = 100 * canary.ratio
	if stable, ok := s.usage.latest(now.Stable, c.Use); ok && stable.err == nil {
		r.Stable, r.HasStable = 100*stable.ratio, true
	}
	return true
}
