package admin

import (
	"sluice/metrics"
	"sluice/rollout"
)

// sampled sends a sampled check: it has no evidence, and no value before it had one.
func (c *collector) sampled(out sink, route string, v *rollout.Verdict, canary, stable string) {
	out.gauge(c.limit, v.Limit, route, v.Name, canary)
	out.gauge(c.samples, float64(v.Samples), route, v.Name, canary)
	out.gauge(c.bad, float64(v.Bad), route, v.Name, canary)
	if v.Samples > 0 && !v.NoValue() {
		out.gauge(c.value, v.Value, route, v.Name, canary)
		if v.StableSamples > 0 {
			out.gauge(c.value, v.StableValue, route, v.Name, stable)
		}
	}
}

// uses sends what a backend's hosts use, where that is read.
func (c *collector) uses(out sink, route string, b Backend) {
	if v, ok := b.Meter.LastUse(metrics.CPU); ok {
		out.gauge(c.cpu, v, route, b.Name)
	}
	if v, ok := b.Meter.LastUse(metrics.Memory); ok {
		out.gauge(c.memory, v, route, b.Name)
	}
}
