package app

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"sluice/analysis"
	"sluice/config"
	"sluice/rollout"
)

// plan is what the configuration says of a route that can move weights.
func plan(r *config.Route) rollout.Plan {
	out := rollout.Plan{Route: r.Name, Rollout: rolloutPlan(r.Rollout), Digest: digest(r.Backends)}
	for _, b := range r.Backends {
		out.Backends = append(out.Backends, rollout.Backend{Name: b.Name, Version: b.Version})
	}
	if r.Weights != nil {
		out.Weights = map[string]rollout.Weight{}
		for name, w := range r.Weights {
			out.Weights[name] = rollout.Weight(w)
		}
	}
	return out
}

// digest tells the settings of a route's backends apart, versions aside: measurements made under other settings don't count on.
func digest(backends []config.Backend) string {
	h := xxhash.New()
	for _, b := range backends {
		b.Version = ""
		if err := json.NewEncoder(h).Encode(b); err != nil {
			panic("bug: a backend is no JSON: " + err.Error())
		}
	}
	return strconv.FormatUint(h.Sum64(), 16)
}

func rolloutPlan(c *config.Rollout) *rollout.Rollout {
	if c == nil {
		return nil
	}
	out := &rollout.Rollout{
		Stable: c.Stable, Canary: c.Canary, Bake: c.Bake, BakeStable: rollout.Weight(c.BakeStable), AutoStart: c.AutoStart,
		Interval: c.Analysis.Interval, AutoRollback: c.Rollback.Auto, SaltRoute: c.Salt == "route",
		DrainTimeout: c.Rollback.DrainTimeout, DrainImmediate: c.Rollback.Drain == "immediate",
		Decision: c.Decision, OnInsufficient: c.OnInsufficient, MaxWait: c.MaxWait,
	}
	for _, s := range c.Steps {
		out.Steps = append(out.Steps, rollout.Step{Weight: rollout.Weight(s.Weight), Hold: s.Hold, MinRequests: s.MinRequests})
	}
	for _, s := range c.Stops {
		out.Stops = append(out.Stops, rollout.Stop{Before: s.Before + 1, Gate: s.Gate, Expires: s.Expires, Pause: s.Pause})
	}
	for i := range c.Analysis.Checks {
		out.Checks = append(out.Checks, check(&c.Analysis.Checks[i]))
	}
	if a := c.Analysis.AbortOn; a != nil {
		out.AbortOn = &analysis.AbortOn{ErrorRate: percent(a.ErrorRate), MinRequests: a.MinRequests, Window: a.Window}
	}
	return out
}

func check(c *config.Check) analysis.Check {
	out := analysis.Check{Name: c.Name, Metric: c.Metric, HasMax: true, DryRun: c.DryRun, Max: percent(c.MaxRate)}
	if c.Metric == analysis.Latency {
		out.Max = float64(c.MaxLatency) / float64(time.Millisecond)
		out.QuantileName = c.Quantile
		out.Quantile = quantile(c.Quantile)
	}
	return out
}

// quantile is the number in "p99.9"; 0 for the mean.
func quantile(name string) float64 {
	p, err := strconv.ParseFloat(strings.TrimPrefix(name, "p"), 64)
	if err != nil {
		return 0
	}
	return p / 100
}

func percent(p config.Percent) float64 { return float64(p) / 100 }
