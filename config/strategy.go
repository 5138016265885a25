package config

import "slices"

// strategies are the ways of a rollout.
var strategies = []string{"canary", "blueGreen", "mirror"}

// atOncePreset is what the strategies without weights begin from.
const atOncePreset = "AllAtOnce"

// atOnce says that the strategy gives the canary nothing and then everything.
func (r *Rollout) atOnce() bool { return r.Strategy == "blueGreen" || r.Strategy == "mirror" }

// completeStrategy settles whether copies are judged: only where there are some.
func (r *Route) completeStrategy() {
	if r.Rollout != nil && (r.Mirror == nil || r.Mirror.To != "canary") {
		r.Rollout.Copies = nil
	}
}

// strategyRules checks that a strategy has what it needs, and nothing that it has no use for.
func (d *decoder) strategyRules(route *Route, path string) {
	r, at := route.Rollout, path+".rollout"
	if !r.atOnce() || d.broken(at+".strategy") {
		return
	}
	if r.Preset != "" && r.Preset != atOncePreset && !d.broken(at+".preset") {
		d.errorf(at+".preset", "%s has weights below 100%%, and strategy %s has none; remove it, or write strategy: canary", r.Preset, r.Strategy)
	} else if len(r.Steps) > 0 && !d.broken(at+".steps") {
		d.errorf(r.stepPath(at, 0), "strategy %s has no weights below 100%%, only gates and pauses; remove it, or write strategy: canary", r.Strategy)
	}
	if r.Strategy == "mirror" && r.Copies == nil && !d.broken(path+".mirror") {
		d.errorf(at+".strategy", "mirror judges copies of requests, and the route sends none to the canary; write mirror: {to: canary}")
	}
	if r.Copies != nil && r.BakeStable > 0 && len(route.Sticky.By) > 0 && !d.broken(at+".bakeStable") {
		d.errorf(at+".bakeStable", "copies are compared by request and users by user, and one attempt can't do both; remove it, or sticky")
	}
}

// unseenWarning is about everything at once without anybody or anything that looks before.
func (d *decoder) unseenWarning(r *Rollout, at string) {
	looks := func(w Webhook) bool { return w.Type != "event" && w.Type != "post-rollout" && w.Type != "rollback" }
	if r.Copies != nil || r.Decision == "manual" || r.gates() != "" || slices.ContainsFunc(r.Webhooks, looks) ||
		slices.ContainsFunc(r.Stops, func(s Stop) bool { return s.Webhook != nil }) {
		return
	}
	d.warnf(at+".strategy", "nothing looks at the canary before it has all traffic; write steps: [{gate: qa}], or mirror: {to: canary} at the route, or decision: manual")
}
