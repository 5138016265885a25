package router

import (
	"slices"

	"sluice/request"
)

// hostIndex finds the routes that can match a host without asking the others. Its lists hold places in the table, rising, so the
// first that matches is the first in the order of the file.
type hostIndex struct {
	// exact: routes that name this host, merged with any.
	exact map[string][]int
	// any: routes that some host without an entry of its own may match: by pattern, or because a condition names no host.
	any []int
}

func newHostIndex(routes []*Route) *hostIndex {
	x := &hostIndex{exact: map[string][]int{}}
	for i, r := range routes {
		if takesUnnamedHosts(r) {
			x.any = append(x.any, i)
		}
		for _, c := range r.Match {
			if isExactHost(c.Host) && !slices.Contains(x.exact[c.Host], i) {
				x.exact[c.Host] = append(x.exact[c.Host], i)
			}
		}
	}
	for host, own := range x.exact {
		all := slices.Concat(own, x.any)
		slices.Sort(all)
		x.exact[host] = slices.Compact(all)
	}
	return x
}

// first is the place of the first route that takes the request, -1 when none does.
func (x *hostIndex) first(routes []*Route, v request.View) int {
	places, ok := x.exact[string(v.Host())]
	if !ok {
		places = x.any
	}
	for _, i := range places {
		if routes[i].takes(v) {
			return i
		}
	}
	return -1
}

func takesUnnamedHosts(r *Route) bool {
	return len(r.Match) == 0 || slices.ContainsFunc(r.Match, func(c request.Condition) bool { return !isExactHost(c.Host) })
}

func isExactHost(host string) bool { return host != "" && host[0] != '*' }
