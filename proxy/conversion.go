package proxy

import (
	"sluice/metrics"
	"sluice/router"
	"sluice/selector"
)

// visit begins a visit of the request's user where the sticky draw has sent it to its backend, and notes whether the answer can convert one: of
// the head nothing is left when that comes.
func (x *exchange) visit(c *router.Conversion) {
	x.goal = c.Goal != nil && c.Goal.Match(&x.view)
	visits := c.Visits.Load()
	if visits == nil || x.choice.Reason != selector.Sticky || !c.Visit.Match(&x.view) {
		return
	}
	if visits.Visit(x.choice.Key, x.choice.Backend, x.side(), x.start) {
		x.meter().Visited(x.client.shard)
	}
}

// side of the comparison that the request was drawn to.
func (x *exchange) side() metrics.Side {
	switch split := x.route.Selector.Split(); x.choice.Backend {
	case split.Canary:
		return metrics.CanarySide
	case split.Stable:
		if x.choice.Cohort == metrics.Mimic {
			return metrics.MimicSide
		}
		return metrics.StableSide
	}
	return metrics.NoSide
}

// convert counts an answer that converts its user for the backend of the visit, whichever answers now.
func (x *exchange) convert(c *router.Conversion) {
	if !(x.goal && c.Reached(x.answer.status) || c.Header != "" && x.answer.says(c.Header)) {
		return
	}
	now, visits := metrics.Now(), c.Visits.Load()
	if visits == nil {
		return
	}
	if r, backend := visits.Convert(x.choice.Key, now, now); r == metrics.Converted && backend < len(x.route.Meters) {
		x.route.Meters[backend].Converted(x.client.shard)
	}
}

// says whether the answer has a field of that name, in lower case, that does not deny itself.
func (h *answerHead) says(name string) bool {
	for i := range h.fields {
		if f := &h.fields[i]; same(f.name, name) {
			return len(f.value) > 0 && !same(f.value, "0") && !same(f.value, "false")
		}
	}
	return false
}
