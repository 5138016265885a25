package app

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"sluice/admin"
	"sluice/config"
	"sluice/rollout"
	"sluice/router"
	"sluice/sock"
)

// Preview says where a request would go under a configuration that nothing runs: every backend is taken for healthy, nothing was set by
// hand, and the rollouts are at rest, or in an attempt at the given step where step is above 0.
func Preview(cfg *config.Config, step int, q admin.ExplainRequest) (admin.Explanation, error) {
	b := newBackends(new(sock.Sweeper), zap.NewNop())
	b.idle = true
	idle, err := b.plan(cfg)
	if err != nil {
		return admin.Explanation{}, err
	}
	keys, err := tokenKeys(cfg.Identity.JWT, nil)
	if err != nil {
		return admin.Explanation{}, err
	}
	t, err := table(cfg, keys, idle, b)
	if err != nil {
		return admin.Explanation{}, err
	}
	var live router.Live
	applier := newApplier(&live, zap.NewNop())
	for i := range cfg.Routes {
		if r := &cfg.Routes[i]; movable(r) {
			routing, err := previewRouting(plan(r), step)
			if err != nil {
				return admin.Explanation{}, err
			}
			applier.apply(routing)
		}
	}
	if err := applier.install(cfg, t); err != nil {
		return admin.Explanation{}, err
	}
	return explain(live.Load(), cfg, q)
}

func previewRouting(p rollout.Plan, step int) (rollout.Routing, error) {
	in := rollout.Input{Now: time.Now(), CanaryUp: true, StableUp: true}
	s, _, err := rollout.Adopt(&p, rollout.State{}, &in, true)
	if err != nil {
		return rollout.Routing{}, err
	}
	if r := p.Rollout; r != nil && step > 0 {
		bake := len(r.Steps) + 1
		if step > bake {
			return rollout.Routing{}, &rollout.Invalid{Reason: fmt.Sprintf("route %s has no step %d: its last is %d, the bake", p.Route, step, bake)}
		}
		s.Phase, s.Attempt, s.Step = rollout.Baking, "preview", step
		if s.Weight = rollout.Full - r.BakeStable; step < bake {
			s.Phase, s.Weight = rollout.Progressing, r.Steps[step-1].Weight
		}
	}
	return rollout.RoutingOf(&p, &s), nil
}
