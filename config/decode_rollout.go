package config

import (
	"errors"
	"fmt"
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
	d.object(v, keys{
		"stable":      one(d, &r.Stable, parseName),
		"canary":      one(d, &r.Canary, parseName),
		"preset":      one(d, &r.Preset, oneOf(presetNames())),
		"steps":       listOf(d, &r.Steps, zero[Step], d.step),
		"hold":        one(d, &g.hold, parseDuration),
		"minRequests": one(d, &g.minRequests, parseRequests),
		"bake":        one(d, &r.Bake, parseDuration),
		"bakeStable":  one(d, &r.BakeStable, parsePercent),
		"decision":    one(d, &r.Decision, oneOf([]string{"auto"}, "manual", "hybrid")),
		"autoStart":   one(d, &r.AutoStart, parseBool),
		"analysis":    into(&r.Analysis, d.analysis),
		"rollback":    into(&r.Rollback, d.rollback),
		"salt":        one(d, &r.Salt, oneOf([]string{"attempt", "route"})),
	})
	if v.node.Kind == yaml.MappingNode {
		d.complete(v.path, r, g)
	}
}

// step is a weight alone, or a map with one.
func (d *decoder) step(v value, s *Step) {
	if v.node.Kind != yaml.MappingNode {
		one(d, &s.Weight, parsePercent)(v)
		return
	}
	for _, p := range d.pairs(v) {
		if p.name == "gate" || p.name == "pause" {
			d.add(Error, placeAt(p.key), p.value.path, "a step that is a %s is not built yet; so far a step sets a weight, like 5%%", p.name)
			return
		}
	}
	d.object(v, keys{
		"setWeight":   one(d, &s.Weight, parsePercent),
		"hold":        one(d, &s.Hold, parseDuration),
		"minRequests": one(d, &s.MinRequests, parseRequests),
	})
	d.required(v, "setWeight", "like setWeight: 5%")
}

// complete writes out what a preset and the defaults bring, and takes the 100 % step for the bake that it is.
func (d *decoder) complete(path string, r *Rollout, g general) {
	p := plain
	if r.Preset == "" && !d.has(path+".steps") {
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
	for i := range r.Steps {
		at := fmt.Sprintf("%s.steps[%d]", path, i)
		if !d.has(at + ".hold") {
			r.Steps[i].Hold = g.hold
		}
		if !d.has(at + ".minRequests") {
			r.Steps[i].MinRequests = g.minRequests
		}
	}
	d.completeChecks(path, r)
}

// takeBake removes the last step when it is 100 %: its hold is another name for bake.
func (d *decoder) takeBake(path string, r *Rollout) {
	last := len(r.Steps) - 1
	if last < 0 || r.Steps[last].Weight != Full {
		r.StepsCompleted = d.has(path + ".steps")
		return
	}
	at := fmt.Sprintf("%s.steps[%d]", path, last)
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
	const mend = "set analysis.checks, like [{metric: error-rate, max: 5%}]"
	switch {
	case d.has(path + ".analysis.checks"):
		if len(r.Analysis.Checks) == 0 && !d.broken(path+".analysis.checks") {
			d.errorf(path+".analysis.checks", "blind canary: nothing judges it; %s", mend)
		}
	case d.has(path+".steps") && !d.has(path+".preset"):
		d.errorf(path+".steps", "blind canary: steps without analysis; %s, or name a preset, which brings checks", mend)
	default:
		r.Analysis.Checks = defaultChecks()
	}
}

func (d *decoder) analysis(v value, a *Analysis) {
	d.object(v, keys{
		"interval": one(d, &a.Interval, parseInterval),
		"checks":   listOf(d, &a.Checks, zero[Check], d.check),
		"abortOn":  func(v value) { d.abortOn(v, &a.AbortOn) },
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
