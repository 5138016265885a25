package config

import (
	"net/netip"
	"slices"
	"strings"
)

// hides says whether every request that the later route would take is taken by the earlier one. It may miss a case, of
// regular expressions above all, and never claims one that is not.
func hides(earlier, later *Route) bool {
	if len(earlier.Match) == 0 {
		return true
	}
	if len(later.Match) == 0 {
		return slices.ContainsFunc(earlier.Match, func(c Condition) bool { return covers(&c, &Condition{}) })
	}
	for i := range later.Match {
		if !slices.ContainsFunc(earlier.Match, func(c Condition) bool { return covers(&c, &later.Match[i]) }) {
			return false
		}
	}
	return true
}

// leadsBack says whether a route redirects clients to where it takes them again: to a path of its own, which no route before it has.
func leadsBack(routes []Route, i int) bool {
	r := &routes[i]
	if r.Redirect == nil || r.Redirect.Path == "" || r.Redirect.Scheme+r.Redirect.Host != "" {
		return false
	}
	match := r.Match
	if len(match) == 0 {
		match = []Condition{{}}
	}
	there := &Text{Kind: Exact, Value: r.Redirect.Path}
	for _, m := range match {
		if !coversPath(m.Path, there) {
			continue
		}
		m.Path = there
		arrived := Route{Match: []Condition{m}}
		if !slices.ContainsFunc(routes[:i], func(earlier Route) bool { return hides(&earlier, &arrived) }) {
			return true
		}
	}
	return false
}

// covers says whether a takes every request that b takes.
func covers(a, b *Condition) bool {
	return coversHost(a.Host, b.Host) &&
		coversPath(a.Path, b.Path) &&
		coversList(a.Methods, b.Methods) &&
		coversList(a.Listeners, b.Listeners) &&
		coversNamed(a.Headers, b.Headers, true) &&
		coversNamed(a.Cookies, b.Cookies, false) &&
		coversNamed(a.Query, b.Query, false) &&
		coversPrefixes(a.CIDRs, b.CIDRs)
}

func coversHost(a, b string) bool {
	if a == "" || a == b {
		return true
	}
	suffix, wild := strings.CutPrefix(a, "*")
	return wild && strings.HasSuffix(strings.TrimPrefix(b, "*"), suffix)
}

func coversPath(a, b *Text) bool {
	if a == nil || b != nil && *a == *b {
		return true
	}
	if b == nil || a.Kind != Prefix {
		return a.Kind == Prefix && strings.Trim(a.Value, "/") == ""
	}
	prefix := strings.TrimRight(a.Value, "/")
	if prefix == "" {
		return true
	}
	if b.Kind != Exact && b.Kind != Prefix {
		return false
	}
	return b.Value == prefix || strings.HasPrefix(b.Value, prefix+"/")
}

// coversList: a list is an or, and an empty one is anything.
func coversList(a, b []string) bool {
	return len(a) == 0 || len(b) > 0 && !slices.ContainsFunc(b, func(s string) bool { return !slices.Contains(a, s) })
}

// coversNamed: every condition of a must be asked by b too.
func coversNamed(a, b []Named, foldNames bool) bool {
	for _, want := range a {
		if !slices.ContainsFunc(b, func(n Named) bool {
			same := n.Name == want.Name || foldNames && strings.EqualFold(n.Name, want.Name)
			return same && (n.Text == want.Text || want.Text.Kind == Present)
		}) {
			return false
		}
	}
	return true
}

func coversPrefixes(a, b []netip.Prefix) bool {
	if len(a) == 0 {
		return true
	}
	for _, p := range b {
		if !slices.ContainsFunc(a, func(q netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) }) {
			return false
		}
	}
	return len(b) > 0
}
