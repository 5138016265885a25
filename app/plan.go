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
	out := rollout.Plan{Route: r.Name, Rollout: rolloutPlan(r), Digest: digest(r.Backends), Receivers: told(r.Rollout), Conversion: conversionOf(r)}
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

func rolloutPlan(route *config.Route) *rollout.Rollout {
	c := route.Rollout
	if c == nil {
		return nil
	}
	out := &rollout.Rollout{
		Stable: c.Stable, Canary: c.Canary, Bake: c.Bake, BakeStable: rollout.Weight(c.BakeStable), AutoStart: c.AutoStart, SampleRatio: true,
		Interval: c.Analysis.Interval, AutoRollback: c.Rollback.Auto, SaltRoute: c.Salt == "route",
		DrainTimeout: c.Rollback.DrainTimeout, DrainImmediate: c.Rollback.Drain == "immediate",
		Strategy: strategy(c), Decision: c.Decision, OnInsufficient: c.OnInsufficient, MaxWait: c.MaxWait,
	}
	if s := c.Copies; s != nil {
		out.Steps = append(out.Steps, rollout.Step{Hold: s.Hold, MinRequests: s.MinRequests, Copies: true})
	}
	if a := c.ABTest; a != nil {
		out.AB = &rollout.AB{Metric: a.Metric, MaxDuration: a.MaxDuration, Promote: a.OnWinner == "promote"}
		out.SaltRoute = true
	}
	first := 1 + len(out.Steps)
	for _, s := range c.Steps {
		out.Steps = append(out.Steps, rollout.Step{Weight: rollout.Weight(s.Weight), Hold: s.Hold, MinRequests: s.MinRequests})
	}
	for _, s := range c.Stops {
		out.Stops = append(out.Stops, rollout.Stop{Before: s.Before + first, Gate: s.Gate, Expires: s.Expires, Pause: s.Pause})
	}
	out.Hooks = hooks(c)
	out.Timeout = route.Timeout
	out.Rules, out.Sampled = rules(route), sampledRules(route)
	if a := c.Analysis.AbortOn; a != nil {
		out.AbortOn = &analysis.AbortOn{ErrorRate: percent(a.ErrorRate), MinRequests: a.MinRequests, Window: a.Window}
	}
	return out
}

// strategy is "" for canary, so that plans of before are the same.
func strategy(c *config.Rollout) string {
	if c.Strategy == rollout.Canary {
		return ""
	}
	return c.Strategy
}

// rules are what the route's attempts are judged by.
func rules(route *config.Route) analysis.Rules {
	c := route.Rollout
	out := analysis.Rules{
		Confidence: share(c.Confidence), BlastRadius: share(c.BlastRadius), Sticky: len(route.Sticky.By) > 0 && c.Copies == nil, Warmup: c.Warmup,
		Steps: len(c.Steps) + 1, Duration: longest(c),
	}
	if c.ABTest != nil {
		out.BlastRadius = 0 // the winner is what has to be proven
	}
	for i := range c.Analysis.Checks {
		if !c.Analysis.Checks[i].Sampled() {
			out.Rules = append(out.Rules, judged(&c.Analysis.Checks[i]))
		}
	}
	return out
}

// longest is how long an attempt takes whose every step waits as long as the plan allows. The late stakes are spread over it.
func longest(c *config.Rollout) time.Duration {
	all := c.Bake
	for _, s := range c.Steps {
		all += s.Hold + c.MaxWait
	}
	if s := c.Copies; s != nil {
		all += s.Hold + c.MaxWait
	}
	if a := c.ABTest; a != nil {
		all += a.MaxDuration
	}
	for _, s := range c.Stops {
		all += s.Pause
	}
	return all
}

func judged(c *config.Check) analysis.Rule {
	out := analysis.Rule{
		Check: analysis.Check{Name: c.Name, Metric: c.Metric, HasMax: c.Limited, DryRun: c.DryRun, Max: percent(c.MaxRate)},
		Alone: !c.Compare, MaxIncrease: percent(c.MaxIncrease), MaxRatio: c.MaxRatio,
	}
	if c.Metric == analysis.Conversions {
		out.HasMax, out.HasMin, out.Min, out.MaxDecrease = false, c.Limited, percent(c.MinRate), percent(c.MaxDecrease)
	}
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

func share(p config.Percent) float64 { return float64(p) / float64(config.Full) }
