package app

import (
	"context"
	"fmt"
	"reflect"

	"go.uber.org/zap"

	"sluice/analysis"
	"sluice/config"
	"sluice/metrics"
	"sluice/provider"
)

// apartFromStable is how many points above stable's the use of the canary's hosts must be, to be the canary's fault.
const apartFromStable = 10

// sampledRules are the checks of a rollout that are about samples.
func sampledRules(route *config.Route) analysis.SampledRules {
	a := &route.Rollout.Analysis
	out := analysis.SampledRules{}
	for i := range a.Checks {
		c := &a.Checks[i]
		if !c.Sampled() {
			continue
		}
		s := analysis.SampledCheck{
			Name: c.Name, Metric: c.Metric, HasMax: c.Limited, Max: c.MaxValue, HasMin: c.Floored, Min: c.MinValue, DryRun: c.DryRun,
			Source: sourceOf(route, c),
		}
		if c.OfHosts() {
			s.Unit, s.Apart = "percent", apartFromStable
		}
		out.Checks = append(out.Checks, s)
	}
	if len(out.Checks) == 0 {
		return out
	}
	out.ConsecutiveFailureLimit = a.ConsecutiveFailureLimit
	if a.FailureLimit != nil {
		out.FailureLimit, out.HasFailureLimit = *a.FailureLimit, true
	}
	return out
}

// sourceOf tells sources apart, without what is secret in them.
func sourceOf(route *config.Route, c *config.Check) string {
	switch {
	case c.Prometheus != nil:
		return "prometheus " + c.Prometheus.Query
	case c.HTTP != nil:
		return "http " + c.HTTP.Value
	case route.Resources != nil:
		return route.Resources.Source
	}
	return ""
}

// sampledBy are the samplers of a configuration, by route. Its keys are plain data, so that a reload that changes nothing is seen as one.
type sampledBy struct {
	Checks    []config.Check
	Resources *config.Resources
	Backends  []string
}

// sampled is what the configuration says of a route's samples.
func sampled(r *config.Route) sampledBy {
	out := sampledBy{Resources: r.Resources}
	for _, b := range r.Backends {
		out.Backends = append(out.Backends, b.Name)
	}
	if r.Rollout == nil {
		return out
	}
	for _, c := range r.Rollout.Analysis.Checks {
		if c.Sampled() {
			out.Checks = append(out.Checks, c)
		}
	}
	return out
}

// settings make the sources.
func (s *sampledBy) settings(route string, meter func(backendName) *metrics.Meter) (provider.Settings, error) {
	out := provider.Settings{Hosts: map[string]provider.Hosts{}, Meters: map[string]*metrics.Meter{}}
	for i := range s.Checks {
		c, err := sampledCheck(&s.Checks[i])
		if err != nil {
			return out, fmt.Errorf("route %q, check %q: %w", route, s.Checks[i].Name, err)
		}
		out.Checks = append(out.Checks, c)
	}
	if s.Resources == nil {
		return out, nil
	}
	for _, b := range s.Backends {
		m := meter(backendName{route, b})
		if h := hostsOf(s.Resources, b, m); h != nil {
			out.Hosts[b], out.Meters[b] = h, m
		}
	}
	return out, nil
}

func sampledCheck(c *config.Check) (provider.Check, error) {
	out := provider.Check{Name: c.Name, Interval: c.Interval}
	var err error
	switch {
	case c.Prometheus != nil:
		out.Timeout = c.Prometheus.Timeout
		out.Source, err = provider.NewQuery(endpointOf(&c.Prometheus.Call), c.Prometheus.Query)
	case c.HTTP != nil:
		out.Timeout = c.HTTP.Timeout
		out.Source = provider.NewValue(endpointOf(&c.HTTP.Call), c.HTTP.Path)
	case c.Metric == analysis.Memory:
		out.Use = metrics.Memory
	}
	return out, err
}

func endpointOf(c *config.Call) provider.Endpoint {
	return provider.Endpoint{URL: c.URL, Timeout: c.Timeout, TokenFile: c.TokenFile, AllowLinkLocal: c.AllowLinkLocal}
}

// hostsOf is where the use of a backend's hosts is read; nil is nowhere.
func hostsOf(r *config.Resources, backend string, m *metrics.Meter) provider.Hosts {
	switch r.Source {
	case "prometheus":
		if urls := r.Prometheus[backend]; len(urls) > 0 {
			return provider.NewExporters(urls)
		}
	case "cgroup":
		if group := r.Cgroup[backend]; group != "" {
			return provider.NewCgroup(provider.CgroupRoot, group)
		}
	default:
		return provider.NewReports(m)
	}
	return nil
}

// sampling is a part's sampler while it runs. App's mu guards it.
type sampling struct {
	by   sampledBy
	stop func()
}

// sample starts the part's sampler, or another one where the settings have changed.
func (p *part) sample(route string, by sampledBy, meter func(backendName) *metrics.Meter, log *zap.Logger) {
	if p.sampling.stop != nil && reflect.DeepEqual(p.sampling.by, by) {
		return
	}
	p.unsample()
	settings, err := by.settings(route, meter)
	if err != nil {
		log.Error("bug: a sampled check can't be made", zap.Error(err))
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s := provider.New(route, p.Controller, settings, log)
	go func() {
		defer close(done)
		_ = s.Run(ctx)
	}()
	p.sampling = sampling{by: by, stop: func() { cancel(); <-done }}
}

// unsample ends it.
func (p *part) unsample() {
	if p.sampling.stop != nil {
		p.sampling.stop()
		p.sampling.stop = nil
	}
}
