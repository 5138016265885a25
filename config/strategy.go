package config

import (
	"errors"
	"slices"
	"time"
)

// strategies are the ways of a rollout.
var strategies = []string{"canary", "blueGreen", "abTest", "mirror"}

// atOncePreset is what the strategies without weights begin from.
const atOncePreset = "AllAtOnce"

// atOnce says that the strategy gives the canary nothing and then everything.
func (r *Rollout) atOnce() bool { return r.Strategy == "blueGreen" || r.Strategy == "mirror" }

// ABTest is a fixed split until one of the two versions is proven better.
type ABTest struct {
	// Metric that decides: "error-rate" or "conversion-rate". Required.
	Metric string
	// Split is the canary's share, between 0 and 100 %. Default 50 %.
	Split Percent
	// MaxDuration at the split; then a person decides. Default 336h.
	MaxDuration time.Duration
	// OnWinner is "ask", a person, or "promote": the winner gets everything. Default "ask".
	OnWinner string
}

func defaultABTest() ABTest {
	return ABTest{Split: Full / 2, MaxDuration: 336 * time.Hour, OnWinner: "ask"}
}

func (d *decoder) abTest(v value, a *ABTest) {
	d.object(v, keys{
		"metric":      one(d, &a.Metric, oneOf([]string{"error-rate", "conversion-rate"})),
		"split":       one(d, &a.Split, parseSplit),
		"maxDuration": one(d, &a.MaxDuration, positive(parseDuration)),
		"onWinner":    one(d, &a.OnWinner, oneOf([]string{"ask", "promote"})),
	})
	d.required(v, "metric", "like metric: error-rate")
}

func parseSplit(s string) (Percent, error) {
	p, err := parsePercent(s)
	if err == nil && (p == 0 || p == Full) {
		return 0, errors.New("divides nothing; write more than 0% and less than 100%")
	}
	return p, err
}

// weightless says that the strategy has no steps of its own.
func (r *Rollout) weightless() bool { return r.atOnce() || r.Strategy == "abTest" }

// completeABTest makes the split the one step that there is.
func (d *decoder) completeABTest(path string, r *Rollout) {
	switch {
	case r.Strategy == "abTest" && r.ABTest == nil:
		d.errorf(path+".strategy", "abTest needs to know what decides; write abTest: {metric: error-rate}")
	case r.Strategy != "abTest" && r.ABTest != nil && !d.broken(path+".strategy"):
		d.errorf(path+".abTest", "says nothing with strategy: %s; write strategy: abTest, or remove it", r.Strategy)
	case r.ABTest != nil && len(r.Steps) == 0:
		r.Steps = []Step{{Weight: r.ABTest.Split}}
	}
}

// completeStrategy settles whether copies are judged: only where there are some.
func (r *Route) completeStrategy() {
	if r.Rollout != nil && (r.Mirror == nil || r.Mirror.To != "canary") {
		r.Rollout.Copies = nil
	}
}

// strategyRules checks that a strategy has what it needs, and nothing that it has no use for.
func (d *decoder) strategyRules(route *Route, path string) {
	r, at := route.Rollout, path+".rollout"
	if !r.weightless() || d.broken(at+".strategy") {
		return
	}
	if r.Preset != "" && r.Preset != atOncePreset && !d.broken(at+".preset") {
		d.errorf(at+".preset", "%s has weights below 100%%, and strategy %s has none; remove it, or write strategy: canary", r.Preset, r.Strategy)
	} else if len(r.Steps) > 0 && d.has(r.stepPath(at, 0)) && !d.broken(at+".steps") {
		d.errorf(r.stepPath(at, 0), "strategy %s has no weights of its own, only gates and pauses; remove it, or write strategy: canary", r.Strategy)
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
