package config

import (
	"errors"
	"time"

	"gopkg.in/yaml.v3"
)

// general are keys of a rollout that hold for all its steps.
type general struct {
	hold        time.Duration
	minRequests uint64
}

func (d *decoder) rollout(v value, r *Rollout) {
	var g general
	var steps []fileStep
	d.object(v, keys{
		"stable":         one(d, &r.Stable, parseName),
		"canary":         one(d, &r.Canary, parseName),
		"strategy":       one(d, &r.Strategy, oneOf(strategies)),
		"abTest":         maybe(&r.ABTest, defaultABTest(), d.abTest),
		"preset":         one(d, &r.Preset, parsePreset),
		"steps":          listOf(d, &steps, zero[fileStep], d.step),
		"hold":           one(d, &g.hold, parseDuration),
		"minRequests":    one(d, &g.minRequests, parseRequests),
		"bake":           one(d, &r.Bake, parseDuration),
		"bakeStable":     one(d, &r.BakeStable, parsePercent),
		"decision":       one(d, &r.Decision, oneOf([]string{"auto", "manual", "hybrid"})),
		"onInsufficient": one(d, &r.OnInsufficient, oneOf([]string{"wait", "pause", "promote", "rollback"})),
		"maxWait":        one(d, &r.MaxWait, positive(parseDuration)),
		"blastRadius":    one(d, &r.BlastRadius, parseBlastRadius),
		"confidence":     one(d, &r.Confidence, parseConfidence),
		"warmup":         one(d, &r.Warmup, parseDuration),
		"autoStart":      one(d, &r.AutoStart, parseBool),
		"analysis":       into(&r.Analysis, d.analysis),
		"rollback":       into(&r.Rollback, d.rollback),
		"salt":           one(d, &r.Salt, oneOf([]string{"attempt", "route"})),
		"webhooks":       listOf(d, &r.Webhooks, defaultWebhook, d.webhook),
		"alerts":         listOf(d, &r.Alerts, defaultAlert, d.alert),
	})
	if v.node.Kind == yaml.MappingNode {
		r.divide(steps)
		d.complete(v.path, r, g)
	}
}

// complete writes out what a preset and the defaults bring, and takes the 100 % step for the bake that it is.
func (d *decoder) complete(path string, r *Rollout, g general) {
	p := plain
	switch {
	case r.Preset != "":
	case r.atOnce():
		p = presets[atOncePreset]
	case r.Strategy == "abTest":
	case !d.has(path + ".steps"):
		r.Preset = defaultPreset
	}
	if r.Preset != "" {
		p = presets[r.Preset]
	}
	if !d.has(path + ".steps") {
		r.Steps = p.steps()
	}
	if !d.has(path + ".hold") {
		g.hold = p.hold
	}
	if !d.has(path + ".minRequests") {
		g.minRequests = defaultMinRequests
	}
	if !d.has(path + ".bake") {
		r.Bake = p.bake
	}
	if !d.has(path + ".bakeStable") {
		r.BakeStable = p.bakeStable
	}
	d.takeBake(path, r)
	if r.Decision == "hybrid" && !d.has(path+".onInsufficient") {
		r.OnInsufficient = "pause" // a person is there to be asked
	}
	for i := range r.Steps {
		at := r.stepPath(path, i)
		if !d.has(at + ".hold") {
			r.Steps[i].Hold = g.hold
		}
		if !d.has(at + ".minRequests") {
			r.Steps[i].MinRequests = g.minRequests
		}
	}
	if r.atOnce() {
		r.Copies = &Step{Hold: g.hold, MinRequests: g.minRequests} // completeStrategy takes it away where there are no copies
	}
	d.completeABTest(path, r)
	d.completeChecks(path, r)
}

// takeBake removes the last step when it is 100 %: its hold is another name for bake.
func (d *decoder) takeBake(path string, r *Rollout) {
	last := len(r.Steps) - 1
	if last < 0 || r.Steps[last].Weight != Full {
		r.StepsCompleted = d.has(path+".steps") && !r.weightless()
		return
	}
	at := r.stepPath(path, last)
	if d.has(at + ".minRequests") {
		d.errorf(at+".minRequests", "the 100%% step has none: it is the bake, which ends after its time when nothing fails; remove the key")
	}
	if d.has(at + ".hold") {
		if d.has(path + ".bake") {
			d.errorf(at+".hold", "on the 100%% step hold is another name for bake, and %s.bake is there too; remove one", path)
		}
		r.Bake = r.Steps[last].Hold
	}
	r.Steps = r.Steps[:last]
}

// completeChecks brings a preset's checks; steps of one's own need checks of one's own.
func (d *decoder) completeChecks(path string, r *Rollout) {
	const mend = "set analysis.checks, like [{metric: error-rate}]"
	switch {
	case d.has(path + ".analysis.checks"):
		if len(r.Analysis.Checks) == 0 && r.Decision != "manual" && !d.broken(path+".analysis.checks") && !d.broken(path+".decision") {
			d.errorf(path+".analysis.checks", "blind canary: nothing judges it; %s, or decision: manual where a person watches", mend)
		}
	case d.has(path+".steps") && !d.has(path+".preset") && !r.weightless():
		d.errorf(path+".steps", "blind canary: steps without analysis; %s, or name a preset, which brings checks; where a person watches, "+
			"analysis: {checks: []} with decision: manual", mend)
	default:
		r.Analysis.Checks = defaultChecks()
	}
}

func (d *decoder) analysis(v value, a *Analysis) {
	d.object(v, keys{
		"interval": one(d, &a.Interval, parseInterval),
		"checks":   listOf(d, &a.Checks, defaultCheck, d.check),
		"abortOn":  func(v value) { d.abortOn(v, &a.AbortOn) },

		"failureLimit":            func(v value) { d.failureLimit(v, &a.FailureLimit) },
		"consecutiveFailureLimit": one(d, &a.ConsecutiveFailureLimit, parseConsecutive),
	})
}

// parseInterval bounds how often the judge looks: counts are kept in blocks of 100 ms.
func parseInterval(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err == nil && (d < 100*time.Millisecond || d > 10*time.Second) {
		return 0, errors.New("must be between 100ms and 10s")
	}
	return d, err
}

func (d *decoder) abortOn(v value, to **AbortOn) {
	if v.node.Kind == yaml.ScalarNode && v.node.Value == "off" {
		d.record.scalar(v.path, "string", []string{"off"})
		*to = nil
		return
	}
	if v.node.Kind == yaml.ScalarNode {
		d.errorf(v.path, `%s is neither a map nor "off"; write it like {errorRate: 50%%, minRequests: 20, window: 2s}`, quote(v.node.Value))
		return
	}
	a := *to
	d.object(v, keys{
		"errorRate":   one(d, &a.ErrorRate, parsePositivePercent),
		"minRequests": one(d, &a.MinRequests, parseRequests),
		"window":      one(d, &a.Window, parseWindow),
	})
}

func parsePositivePercent(s string) (Percent, error) {
	p, err := parsePercent(s)
	if err == nil && p == 0 {
		return 0, errors.New("must be more than 0%")
	}
	return p, err
}

// parseWindow bounds how far back abortOn looks, by what is kept of the counts.
func parseWindow(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err == nil && (d < 100*time.Millisecond || d > 30*time.Second) {
		return 0, errors.New("must be between 100ms and 30s")
	}
	return d, err
}

func (d *decoder) rollback(v value, r *Rollback) {
	d.object(v, keys{
		"auto":         one(d, &r.Auto, parseBool),
		"drain":        one(d, &r.Drain, oneOf([]string{"finish", "immediate"})),
		"drainTimeout": one(d, &r.DrainTimeout, parseDuration),
	})
}
