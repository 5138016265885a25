package rollout

import (
	"context"
	"slices"

	"sluice/analysis"
	"sluice/metrics"
)

// Sampling is what somebody outside the loop is to look at now, for the sampled checks.
type Sampling struct {
	// Attempt that the samples are for.
	Attempt string
	// Canary and Stable name the backends in the two roles.
	Canary, Stable string
}

// Reading is a sample on its way into the loop.
type Reading struct {
	// Attempt and Check that it is for.
	Attempt string
	Check   string
	// Since is when what it is about began: only one that began after the last change of weight says anything for a step.
	Since metrics.Instant
	analysis.Sample
}

// sampling says whether a state's canary has traffic that sampled checks are about.
func (s *State) sampling() bool { return s.active() && !s.unbegun() && !s.off() }

// Sampling says what is to be sampled now; false is nothing.
func (c *Controller) Sampling() (Sampling, bool) {
	v := c.view.Load()
	if v.plan.Rollout == nil || !v.state.sampling() {
		return Sampling{}, false
	}
	return Sampling{Attempt: v.state.Attempt, Canary: v.state.Canary.Backend, Stable: v.state.Stable.Backend}, true
}

// Sample brings a reading into the loop. One for another attempt, or for a check that is gone, changes nothing.
func (c *Controller) Sample(ctx context.Context, r Reading) error {
	_, err := c.ask(ctx, request{reading: &r})
	return err
}

// sample is Sample's part in the loop. What it means is seen with the next tick.
func (c *Controller) sample(r *Reading) {
	if c.watch.sample(&c.plan, &c.state, r) {
		c.writer.dirty() // a crash is to forget no failure
	}
}

// sample takes in a reading, and says whether it failed.
func (w *watch) sample(p *Plan, s *State, x *Reading) (failed bool) {
	if p.Rollout == nil || !s.sampling() || x.Attempt != s.Attempt || s.Evidence == nil {
		return false
	}
	r, e := &p.Rollout.Sampled, s.Evidence
	i := slices.IndexFunc(r.Checks, func(c analysis.SampledCheck) bool { return c.Name == x.Check })
	if i < 0 {
		return false
	}
	e.Samples = r.Fit(e.Samples)
	before := e.Samples[i].Failed
	r.Take(i, &e.Samples[i], x.Sample)
	if e.Samples[i].Last.Error == "" {
		if w.sampled == nil {
			w.sampled = map[string]metrics.Instant{}
		}
		w.sampled[x.Check] = x.Since
	}
	return e.Samples[i].Failed > before
}

// withoutEvidence is what the plan does without evidence. A source that says no number is no failure of the canary and no proof (onError: hold): for
// that alone nothing is rolled back, and nothing goes on.
func (m *machine) withoutEvidence(r *Rollout) string {
	silent := func(v Verdict) bool { return decides(v) && v.NoValue() }
	other := func(v Verdict) bool { return decides(v) && v.Verdict == analysis.Insufficient && !v.NoValue() }
	switch {
	case !slices.ContainsFunc(m.Checks, silent):
	case r.OnInsufficient == OnPromote,
		r.OnInsufficient == OnRollback && waitingFor(r, &m.State) == "evidence" && !slices.ContainsFunc(m.Checks, other):
		return OnWait
	}
	return r.OnInsufficient
}

// waiting is why an attempt goes on waiting, in the words of the configuration.
func (m *machine) waiting(r *Rollout) string {
	if r.OnInsufficient == OnPromote || r.OnInsufficient == OnRollback {
		return "onError: hold"
	}
	return OnWait
}

// silence names the checks whose sources say no number: "; queue: no value: no answer within 5s".
func (m *machine) silence() (s string) {
	for _, v := range m.Checks {
		if decides(v) && v.NoValue() {
			s += "; " + v.Name + ": " + v.Reason
		}
	}
	return s
}

// sampledChecks are the verdicts of the sampled checks.
func (w *watch) sampledChecks(p *Plan, s *State) []Verdict {
	r, e := &p.Rollout.Sampled, s.Evidence
	if len(r.Checks) == 0 || e == nil {
		return nil
	}
	e.Samples = r.Fit(e.Samples)
	out := make([]Verdict, len(r.Checks))
	for i := range out {
		since, taken := w.sampled[r.Checks[i].Name]
		out[i] = r.Verdict(i, &e.Samples[i], taken && since >= w.from)
	}
	return out
}
