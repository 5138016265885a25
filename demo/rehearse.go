package demo

import (
	"time"

	"sluice/config"
)

// Stage is where a rehearsal is played.
type Stage struct {
	// Listen and Admin are addresses, StateDir a folder, all of this rehearsal alone.
	Listen, Admin, StateDir string
	Backends                *Backends
	// Budget is how long the plan may take at least: holds that are longer together are made shorter in proportion.
	Budget time.Duration
}

// leastRequests is what a step is judged on at least, however much faster it goes.
const leastRequests = 20

// Rehearse turns a configuration into one that plays the rollout of one route on a stage, in place, and says how many times faster it
// goes. What stays is the plan and what judges it: steps, checks, limits, rollback. What can't be there is left out: other routes, matches
// and selection rules, other stickiness than cookies, and the backends themselves.
func Rehearse(cfg *config.Config, route string, on Stage) (faster float64) {
	front := config.Listener{Name: "web", Address: on.Listen, Protocols: cfg.Listeners[0].Protocols}
	cfg.Listeners = []config.Listener{front}
	cfg.Admin = config.Admin{Address: on.Admin}
	cfg.State.Dir = on.StateDir
	cfg.ShutdownTimeout = 5 * time.Second
	for _, r := range cfg.Routes {
		if r.Name == route {
			cfg.Routes = []config.Route{r}
		}
	}
	r := &cfg.Routes[0]
	r.Match, r.Select = nil, nil
	if len(r.Sticky.By) > 0 {
		r.Sticky.By = []string{"cookie"}
	}
	for i := range r.Backends {
		b := &r.Backends[i]
		b.Endpoints = []string{on.Backends.StableURL}
		if b.Name == r.Rollout.Canary {
			b.Endpoints = []string{on.Backends.CanaryURL}
		}
		if h := b.HealthCheck; h != nil {
			h.Path, h.Interval, h.Timeout = "/healthz", min(h.Interval, time.Second), time.Second
		}
	}
	r.Rollout.AutoStart = true
	return hurry(r.Rollout, on.Budget)
}

// hurry makes a plan fit into a budget.
func hurry(r *config.Rollout, budget time.Duration) float64 {
	all := r.Bake
	var steps []*config.Step
	if r.Copies != nil {
		steps = append(steps, r.Copies)
	}
	for i := range r.Steps {
		steps = append(steps, &r.Steps[i])
	}
	for _, s := range steps {
		all += s.Hold
	}
	if a := r.ABTest; a != nil {
		a.MaxDuration = min(a.MaxDuration, budget/2)
	}
	if all <= budget {
		return 1
	}
	faster := float64(all) / float64(budget)
	shorter := func(d time.Duration) time.Duration {
		return max(time.Duration(float64(d)/faster), min(d, time.Millisecond)).Round(time.Millisecond)
	}
	r.Bake = shorter(r.Bake)
	for _, s := range steps {
		s.Hold = shorter(s.Hold)
		s.MinRequests = max(uint64(float64(s.MinRequests)/faster), min(s.MinRequests, leastRequests))
	}
	return faster
}
