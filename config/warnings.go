package config

import (
	"fmt"
	"slices"
	"time"
)

// The limits of the warnings about speed.
const (
	shortRollout = 5 * time.Minute
	largeFirst   = Percent(2500)
	largeRise    = Percent(5000)
	// busyRoute is how many requests a second a plan may take for granted.
	busyRoute = 100
)

// warnings looks for what is allowed and seldom meant.
func (d *decoder) warnings(c *Config) {
	d.trustWarning(&c.Identity)
	d.jwtWarnings(c.Identity.JWT)
	for i := range c.Routes {
		r := &c.Routes[i]
		path := fmt.Sprintf("routes[%d]", i)
		for j := range i {
			if hides(&c.Routes[j], r) {
				d.warnf(path+".name", "%s gets no request: routes[%d] (%s) stands before it and takes all of them; move it up",
					quote(r.Name), j, quote(c.Routes[j].Name))
				break
			}
		}
		d.stickyWarnings(r, path)
		if leadsBack(c.Routes, i) {
			d.warnf(path+".redirect.path", "%s is redirected by this route again, so clients go round in circles; match other paths than that one", quote(r.Redirect.Path))
		}
		if r.Rollout != nil {
			d.rolloutWarnings(r, path)
			d.conversionWarnings(r, path)
		}
	}
	d.sharedCanaryWarnings(c)
	d.flagWarnings(c)
}

func (d *decoder) trustWarning(id *Identity) {
	if len(id.Trust) > 0 {
		return
	}
	for _, list := range []struct {
		name    string
		sources []Source
	}{{"key", id.Key}, {"email", id.Email}, {"segment", id.Segment}} {
		for i, s := range list.sources {
			if s.Header != "" {
				d.warnf(fmt.Sprintf("identity.%s[%d].header", list.name, i),
					"%s is stripped from every request, as identity.trust is empty; list the peers that set it", quote(s.Header))
			}
		}
	}
}

func (d *decoder) stickyWarnings(r *Route, path string) {
	if len(r.Sticky.By) == 0 && divides(r) {
		d.warnf(path, "users change between versions from request to request, as there is no sticky; write sticky: {by: cookie}")
	}
	for _, source := range []string{"cookie", "header", "query"} {
		if d.has(path+".sticky."+source) && !slices.Contains(r.Sticky.By, source) {
			d.warnf(path+".sticky."+source, "says nothing, as %s is not in sticky.by", source)
		}
	}
}

// divides says whether some weight is strictly between 0 and 100 %.
func divides(r *Route) bool {
	for _, w := range r.Weights {
		if w > 0 && w < Full {
			return true
		}
	}
	return r.Rollout != nil && (len(r.Rollout.Steps) > 0 || r.Rollout.BakeStable > 0 && r.Rollout.Bake > 0)
}

func (d *decoder) rolloutWarnings(r *Route, path string) {
	at := path + ".rollout"
	d.speedWarnings(r.Rollout, at)
	d.alertWarning(r.Rollout, at)
	d.zeroWarning(r.Rollout, at)
	for _, name := range []string{r.Rollout.Stable, r.Rollout.Canary} {
		if b := findBackend(r, name); b != nil && b.HealthCheck == nil {
			d.warnf(path+".backends."+name, "has no health check, so only failed requests show that it is down; write healthCheck: {path: /healthz}")
		}
	}
	d.sampledWarnings(r.Rollout, at)
	dry := true
	for i, c := range r.Rollout.Analysis.Checks {
		dry = dry && c.DryRun
		if c.Metric == "error-rate" && c.MaxRatio > 0 && c.MaxIncrease == 0 {
			d.warnf(fmt.Sprintf("%s.analysis.checks[%d].maxRatio", at, i),
				"a factor alone is strict where errors are rare: of a stable that never fails nothing is left; add maxIncrease: 0.1%%")
		}
	}
	switch {
	case len(r.Rollout.Analysis.Checks) == 0: // a person watches, and said so
	case dry:
		d.warnf(at+".analysis.checks", "no check would roll back: every one is dryRun; take dryRun from one")
	case !r.Rollout.Rollback.Auto && r.Rollout.Decision == "auto":
		d.warnf(at+".rollback.auto", "false: no check would roll back, and decision is auto, so nobody is asked; remove it")
	}
}

func (d *decoder) speedWarnings(r *Rollout, at string) {
	var all time.Duration
	var before Percent
	for i, s := range r.Steps {
		if r.ABTest != nil {
			break // who compares gives both sides their share, for as long as it takes
		}
		all += s.Hold
		step := d.stepPath(r, at, i)
		d.holdWarning(s, step)
		switch {
		case i == 0 && s.Weight > largeFirst:
			d.warnf(step, "the first step gives the canary %s at once; begin at %s or less", s.Weight, largeFirst)
		case i > 0 && s.Weight-before > largeRise:
			d.warnf(step, "a rise from %s to %s; rise by at most 50 points", before, s.Weight)
		}
		before = s.Weight
	}
	switch {
	case r.ABTest != nil:
	case r.atOnce():
		d.unseenWarning(r, at)
	case before == 0:
		d.warnf(d.stepPath(r, at, 0), "the first step gives the canary 100%% at once; begin at %s or less", largeFirst)
	case Full-before > largeRise:
		d.warnf(d.stepPath(r, at, len(r.Steps)), "a rise from %s to 100%%; rise by at most 50 points", before)
	}
	for _, s := range r.Stops {
		all += s.Pause
	}
	if r.Copies != nil {
		all += r.Copies.Hold
	}
	if all += r.Bake; all < shortRollout {
		d.warnf(d.stepPath(r, at, -1), "the whole rollout takes %s at least, too short to see what is slow to break; plan for %s or more",
			inWords(all), inWords(shortRollout))
	}
}

// alertWarning: a rollout decides while nobody looks.
func (d *decoder) alertWarning(r *Rollout, at string) {
	told := slices.ContainsFunc(r.Webhooks, func(w Webhook) bool { return w.Type == "event" || w.Type == "post-rollout" })
	if len(r.Alerts) > 0 || told || d.has(at+".alerts") {
		return
	}
	d.warnf(at, "no alert is configured, so nobody is told when it pauses or is rolled back; write alerts: [{type: slack, url: …}], or alerts: [] to do without")
}

// zeroWarning: no step passes on no evidence, whatever the file says; said once where it is written.
func (d *decoder) zeroWarning(r *Rollout, at string) {
	if r.ABTest != nil {
		return // what it waits for is a winner
	}
	said := ""
	for i, s := range r.Steps {
		path := r.stepPath(at, i) + ".minRequests"
		if !d.has(path) {
			path = at + ".minRequests"
		}
		if s.MinRequests == 0 && path != said {
			said = path
			d.warnf(path, "0 counts as 1, as no step passes without a request; write 1 or more")
		}
	}
}

// holdWarning: at a step's weight, its requests come in its hold only on a route that is busy enough.
func (d *decoder) holdWarning(s Step, step string) {
	if s.MinRequests == 0 || s.Weight == 0 {
		return
	}
	needed := float64(s.MinRequests) * float64(Full) / float64(s.Weight)
	if s.Hold <= 0 {
		d.warnf(step, "no hold: the checks' %d requests are what the step waits for; write a hold", s.MinRequests)
		return
	}
	if rate := needed / s.Hold.Seconds(); rate > busyRoute {
		d.warnf(step, "a hold of %s is too short for %d canary requests at %s, unless the route has %.0f requests/s; hold longer",
			inWords(s.Hold), s.MinRequests, s.Weight, rate)
	}
}

// stepPath is the file's step, or the steps, the preset or the rollout where it is not in the file.
func (d *decoder) stepPath(r *Rollout, at string, i int) string {
	if step := r.stepPath(at, i); i >= 0 && d.has(step) {
		return step
	}
	for _, name := range []string{".steps", ".preset"} {
		if d.has(at + name) {
			return at + name
		}
	}
	return at
}

// sharedCanaryWarnings: two rollouts that move the same processes judge them apart.
func (d *decoder) sharedCanaryWarnings(c *Config) {
	first := map[string]int{}
	for i := range c.Routes {
		r := &c.Routes[i]
		if r.Rollout == nil {
			continue
		}
		b := findBackend(r, r.Rollout.Canary)
		for _, e := range b.Endpoints {
			j, taken := first[canonical(e)]
			if !taken {
				first[canonical(e)] = i
				continue
			}
			d.warnf(fmt.Sprintf("routes[%d].backends.%s.endpoints", i, b.Name),
				"%s is the canary of routes[%d] (%s) too: two rollouts try it and don't know of each other (rollout.group is not built yet)",
				quote(e), j, quote(c.Routes[j].Name))
			break
		}
	}
}
