package config

import (
	"fmt"
	"os"
	"strings"
)

// QuickOptions are the flags of `sluice run` without a file; "" is a flag that is not given.
type QuickOptions struct {
	// Listen is the address for clients. Default ":8080".
	Listen string
	// Stable and Canary are endpoints, like http://127.0.0.1:3000. Stable is required.
	Stable, Canary string
	// Weight is the canary's share, like "5%". Default 0 %.
	Weight string
	// Sticky keeps users on their version by cookie.
	Sticky bool
	// Rollout is a preset; it and Weight exclude each other.
	Rollout string
	// Env answers for the environment, for the default of state.dir; nil is the process's.
	Env func(string) (string, bool)
}

// quickRoute is the name of the one route.
const quickRoute = "default"

// Quick is the configuration that flags mean: one route to `stable` and, when it is given, `canary`, whose versions have the
// same names. Findings name the flag in place of a file. The Config is nil when they hold an error.
func Quick(o QuickOptions) (*Config, Findings) {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	c := defaultConfig()
	c.State.Dir = defaultStateDir(o.Env)
	r := defaultRoute()
	r.Name = quickRoute
	var q quick
	if o.Listen != "" {
		c.Listeners[0].Address = read(&q, "--listen", o.Listen, parseAddress)
	}
	if o.Sticky {
		r.Sticky.By = []string{"cookie"}
	}
	q.backends(o, &r)
	q.split(o, &r)
	if c.State.Dir == "" {
		q.fail("sluice run", "there is no folder for state: neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set; set one")
	}
	if q.found.Err() != nil {
		return nil, q.found
	}
	r.Fallback = defaultFallback(&r)
	c.Routes = []Route{r}
	d := newDecoder("sluice run", o.Env)
	if d.rules(c); d.found.Err() != nil {
		return nil, d.found
	}
	c.Source = []byte(o.text())
	return c, q.found
}

// text is a file that means what the flags do.
func (o *QuickOptions) text() string {
	var b strings.Builder
	b.WriteString("version: 1\n")
	if o.Listen != "" {
		fmt.Fprintf(&b, "listeners: [{name: web, address: %q}]\n", o.Listen)
	}
	fmt.Fprintf(&b, "routes:\n  - name: %s\n    backends:\n      stable: {endpoints: [%q], version: stable}\n", quickRoute, o.Stable)
	if o.Canary != "" {
		fmt.Fprintf(&b, "      canary: {endpoints: [%q], version: canary}\n", o.Canary)
	}
	if w, err := parsePercent(o.Weight); err == nil {
		fmt.Fprintf(&b, "    weights: {stable: %s, canary: %s}\n", Full-w, w)
	}
	if o.Sticky {
		b.WriteString("    sticky: {by: cookie}\n")
	}
	if o.Rollout != "" {
		fmt.Fprintf(&b, "    rollout: {preset: %s}\n", o.Rollout)
	}
	return b.String()
}

// quick collects findings about flags.
type quick struct{ found Findings }

func (q *quick) fail(flag, message string) {
	q.found = append(q.found, Finding{File: flag, Message: message})
}

// read parses a flag's value.
func read[T any](q *quick, flag, text string, parse func(string) (T, error)) T {
	x, err := parse(text)
	if err != nil {
		q.fail(flag, quote(text)+" "+err.Error())
	}
	return x
}

func (q *quick) backends(o QuickOptions, r *Route) {
	if o.Stable == "" {
		q.fail("--stable", "is missing; write it like --stable http://127.0.0.1:3000, or name a file with -c")
	}
	for _, side := range []struct{ name, url string }{{"stable", o.Stable}, {"canary", o.Canary}} {
		if side.url == "" {
			continue
		}
		b := defaultBackend()
		b.Name, b.Version = side.name, side.name
		b.Endpoints = []string{read(q, "--"+side.name, side.url, parseEndpoint)}
		r.Backends = append(r.Backends, b)
	}
}

// split is how traffic is divided: by a weight, or by a rollout.
func (q *quick) split(o QuickOptions, r *Route) {
	r.Weights = defaultWeights(r.Backends)
	if o.Weight != "" && o.Rollout != "" {
		q.fail("--weight", "can't stand beside --rollout, as a rollout owns the canary's weight; remove one")
	}
	if o.Weight != "" {
		q.needsCanary("--weight", o.Canary)
		w := read(q, "--weight", o.Weight, parsePercent)
		r.Weights = map[string]Percent{"stable": Full - w, "canary": w}
	}
	if o.Rollout != "" {
		q.needsCanary("--rollout", o.Canary)
		name := read(q, "--rollout", o.Rollout, parsePreset)
		p := presets[name]
		plan := defaultRollout()
		plan.Preset, plan.Steps, plan.Bake, plan.BakeStable = name, p.steps(), p.bake, p.bakeStable
		for i := range plan.Steps {
			plan.Steps[i].Hold, plan.Steps[i].MinRequests = p.hold, defaultMinRequests
		}
		plan.Analysis.Checks = defaultChecks()
		r.Rollout, r.Weights = &plan, nil
	}
}

func (q *quick) needsCanary(flag, canary string) {
	if canary == "" {
		q.fail(flag, "needs --canary, like --canary http://127.0.0.1:3001")
	}
}
