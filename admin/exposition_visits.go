package admin

import "sluice/metrics"

// visitors sends what a route that counts conversions knows of its users.
func (c *collector) visitors(out sink, r Route) {
	if r.Conversions == nil {
		return
	}
	for _, b := range r.Backends {
		totals := b.Meter.Totals()
		out.counter(c.visits, totals.Visits, r.Name, b.Name)
		out.counter(c.conversions, totals.Conversions, r.Name, b.Name)
	}
	out.counter(c.visitsDropped, r.Conversions.Dropped(), r.Name)
	for result, n := range r.Conversions.Events() {
		out.counter(c.conversionEvents, n, r.Name, metrics.Conversion(result).String())
	}
}
