package app

import (
	"fmt"
	"slices"
	"strings"

	"sluice/config"
	"sluice/rollout"
	"sluice/router"
	"sluice/selector"
)

// selection is how a route chooses, whatever the weights are.
func selection(r *config.Route) (selector.Config, error) {
	out := selector.Config{Route: r.Name}
	for i := range r.Select {
		rule, err := rule(r, &r.Select[i])
		if err != nil {
			return out, fmt.Errorf("route %q, selection rule %d: %w", r.Name, i+1, err)
		}
		out.Rules = append(out.Rules, rule)
	}
	for _, by := range r.Sticky.By {
		out.Sticky = append(out.Sticky, stickyBy(by, &r.Sticky))
	}
	return out, nil
}

func rule(r *config.Route, c *config.Rule) (selector.Rule, error) {
	out := selector.Rule{
		Name: c.Name, Reason: ruleReason(c), Segments: c.Segment, To: target(r, c.To),
		Percent: uint32(c.Percent), FromStep: c.FromStep, Measure: c.Measure,
	}
	if c.Internal != nil {
		out.EmailDomains, out.CIDRs = c.Internal.EmailDomains, c.Internal.CIDRs
	}
	if c.Beta != nil {
		out.Users = selector.NewUserList(c.Beta.Users)
	}
	if c.Match != nil {
		m, err := condition(c.Match)
		if err != nil {
			return out, err
		}
		out.Match = &m
	}
	return out, nil
}

// ruleReason is the first kind of condition that a rule has, in the order of the words for reasons.
func ruleReason(c *config.Rule) selector.Reason {
	switch {
	case c.Internal != nil:
		return selector.Internal
	case c.Beta != nil:
		return selector.Beta
	case len(c.Segment) > 0:
		return selector.Segment
	}
	return selector.Match
}

func stickyBy(by string, s *config.Sticky) selector.StickyBy {
	switch by {
	case "cookie":
		return selector.StickyBy{Kind: selector.ByCookie, Name: s.Cookie.Name}
	case "header":
		return selector.StickyBy{Kind: selector.ByHeader, Name: strings.ToLower(s.Header)}
	case "query":
		return selector.StickyBy{Kind: selector.ByQuery, Name: s.Query}
	case "clientIP":
		return selector.StickyBy{Kind: selector.ByClientIP}
	}
	return selector.StickyBy{Kind: selector.ByIdentity}
}

// target is where `to:` and `fallback:` lead: a role in a route with a rollout, else a backend.
func target(r *config.Route, to string) selector.Target {
	switch {
	case to == "":
		return router.NoFallback
	case r.Rollout != nil && to == "canary":
		return selector.ToCanary
	case r.Rollout != nil && to == "stable":
		return selector.ToStable
	}
	return selector.Target(backendIndex(r, to))
}

func backendIndex(r *config.Route, name string) int {
	return slices.IndexFunc(r.Backends, func(b config.Backend) bool { return b.Name == name })
}

// split is a routing as the selector knows it: by index. It fails while a reload is under way and the routing names a backend that
// the table does not have yet.
func split(r *config.Route, by *rollout.Routing) (selector.Split, error) {
	out := selector.Split{
		Canary: -1, CanaryWeight: uint32(by.CanaryWeight), PairWeight: uint32(by.PairWeight),
		Salt: by.Salt, Trial: by.Trial, Step: by.Step, Copies: by.Copies,
	}
	if out.Stable = backendIndex(r, by.Stable); out.Stable < 0 {
		return out, fmt.Errorf("route %q has no backend %q for the stable role", r.Name, by.Stable)
	}
	if by.Canary != "" {
		if out.Canary = backendIndex(r, by.Canary); out.Canary < 0 {
			return out, fmt.Errorf("route %q has no backend %q for the canary role", r.Name, by.Canary)
		}
	}
	for _, s := range by.Further {
		i := backendIndex(r, s.Backend)
		if i < 0 {
			return out, fmt.Errorf("route %q has no backend %q", r.Name, s.Backend)
		}
		out.Further = append(out.Further, selector.Share{Backend: i, Weight: uint32(s.Weight)})
	}
	return out, nil
}

// cookie is how the sticky cookie is set; nil where no source is a cookie.
func cookie(s *config.Sticky) *router.Cookie {
	if !slices.Contains(s.By, "cookie") {
		return nil
	}
	c := &s.Cookie
	out := &router.Cookie{Name: c.Name, TTL: c.TTL}
	if c.Domain != "" {
		out.Attributes += "; Domain=" + c.Domain
	}
	out.Attributes += "; Path=" + c.Path
	if c.HTTPOnly {
		out.Attributes += "; HttpOnly"
	}
	out.Attributes += "; SameSite=" + c.SameSite
	switch c.Secure {
	case "true":
		out.Secure = router.SecureAlways
	case "false":
		out.Secure = router.SecureNever
	}
	return out
}
