package config

import "slices"

// weightRules checks names and sums: without a rollout all weights, with one the further backends' alone.
func (d *decoder) weightRules(r *Route, path string) {
	if d.broken(path+".weights") || d.broken(path+".backends") {
		return
	}
	at := path + ".weights"
	names := backendNames(r)
	var sum Percent
	for _, name := range sortedNames(r.Weights) {
		sum += r.Weights[name]
		switch {
		case !slices.Contains(names, name):
			d.errorf(at+"."+name, "there is no backend %s%s", quote(name), suggestion(name, names))
		case r.Rollout != nil && (name == r.Rollout.Stable || name == r.Rollout.Canary):
			d.errorf(at+"."+name, "%s has a role in the rollout, which owns its share; name only further backends here", quote(name))
		}
	}
	if d.broken(at) {
		return
	}
	switch {
	case r.Rollout != nil && sum >= Full:
		d.errorf(at, "the further backends have %s, which leaves nothing for the rollout; leave more than 0%%", sum)
	case r.Rollout != nil:
	case r.Weights == nil && len(r.Backends) > 0:
		d.errorf(path, "weights are missing: none of %s is named stable; write weights or a rollout", quoteAll(names))
	case r.Weights != nil && sum != Full:
		d.errorf(at, "the weights sum to %s; they must sum to 100%%", sum)
	}
}

func sortedNames[T any](m map[string]T) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
