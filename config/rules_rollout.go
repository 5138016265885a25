package config

import (
	"fmt"
	"slices"
	"strings"
)

func (d *decoder) rolloutRules(r *Route, path string) {
	at := path + ".rollout"
	if !d.broken(path + ".backends") {
		d.roleRules(r, path)
	}
	d.stepRules(r.Rollout, at)
	d.stopRules(r.Rollout, at)
	d.webhookRules(r.Rollout, at)
	first := map[string]int{}
	for i, c := range r.Rollout.Analysis.Checks {
		check := fmt.Sprintf("%s.analysis.checks[%d]", at, i)
		if j, twice := first[c.Name]; twice && c.Name != "" {
			d.errorf(check, "%s is the name of checks[%d] too; give it a name of its own, like name: %s-2", quote(c.Name), j, c.Name)
		}
		first[c.Name] = i
	}
}

// roleRules: two backends, each with a version.
func (d *decoder) roleRules(r *Route, path string) {
	at := path + ".rollout"
	if d.broken(at+".stable") || d.broken(at+".canary") {
		return
	}
	if r.Rollout.Stable == r.Rollout.Canary {
		d.errorf(at+".canary", "%s has both roles; name two backends", quote(r.Rollout.Canary))
		return
	}
	for _, role := range []struct{ role, name string }{{"stable", r.Rollout.Stable}, {"canary", r.Rollout.Canary}} {
		b := findBackend(r, role.name)
		switch {
		case b == nil:
			d.errorf(at+"."+role.role, "there is no backend %s for the role %s%s",
				quote(role.name), role.role, suggestion(role.name, backendNames(r)))
		case b.Version == "":
			d.errorf(path+".backends."+b.Name, `version is missing, which a backend in a rollout needs; write it like version: "1.42.0"`)
		}
	}
}

func findBackend(r *Route, name string) *Backend {
	for i := range r.Backends {
		if r.Backends[i].Name == name {
			return &r.Backends[i]
		}
	}
	return nil
}

// stepRules: weights only rise, the bake's too.
func (d *decoder) stepRules(r *Rollout, path string) {
	if d.broken(path+".steps") || d.broken(path+".bakeStable") {
		return
	}
	var before Percent
	for i, s := range r.Steps {
		at := r.stepPath(path, i)
		switch {
		case s.Weight == Full:
			d.errorf(at, "100%% ends the rollout; remove the steps after it")
			return
		case s.Weight == 0:
			d.errorf(at, "0%% is no step; the first is above 0%%")
			return
		case s.Weight <= before:
			d.errorf(at, "%s does not rise above the %s before it", s.Weight, before)
			return
		}
		before = s.Weight
	}
	if bake := Full - r.BakeStable; bake < before || bake == 0 {
		d.errorf(path+".bakeStable", "%s on stable leaves the canary less in the bake (%s) than in the step before it (%s); lower it",
			r.BakeStable, bake, before)
	}
}

// stopRules: an approval names a gate at a weight, so that name is said once there, and a check's name in hybrid mode is another's.
func (d *decoder) stopRules(r *Rollout, path string) {
	if d.broken(path + ".steps") {
		return
	}
	type place struct {
		gate   string
		before int
	}
	first := map[place]int{}
	for i, s := range r.Stops {
		at := r.stopPath(path, i)
		if s.Before > len(r.Steps) {
			d.errorf(at, "stands after the step 100%%, which ends the rollout; move it before it")
		}
		if s.Gate == "" {
			continue
		}
		if j, twice := first[place{s.Gate, s.Before}]; twice {
			d.errorf(at+".gate", "%s stands before the same weight already (%s); give it another name", quote(s.Gate),
				strings.TrimPrefix(r.stopPath(path, j), path+"."))
		}
		first[place{s.Gate, s.Before}] = i
		if r.Decision == "hybrid" && slices.ContainsFunc(r.Analysis.Checks, func(c Check) bool { return c.Name == s.Gate }) {
			d.errorf(at+".gate", "%s is a check's name too, and approve could mean either; give the gate another name", quote(s.Gate))
		}
	}
}
