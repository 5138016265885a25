package request

import (
	"net/netip"
	"slices"
	"strings"
)

// Named is a condition on one header, cookie or query parameter.
type Named struct {
	// Name of the field; a header's in lower case.
	Name string
	// Text that the first value of that name must match.
	Text Text
}

// Condition is one entry of a `match` list: everything that is set must hold. The zero Condition matches every
// request.
type Condition struct {
	// Host is "shop.example.com", or "*.example.com" for every name below example.com at any depth but not itself;
	// "" is any. As HostPattern returns it: lower case, without port.
	Host string
	// Path is matched against the normalised path; nil is any. Its prefix form is PathPrefix.
	Path *Text
	// Methods of which the request must have one; empty is any. GET does not include HEAD.
	Methods []string
	// Headers, Cookies and Query must all match.
	Headers, Cookies, Query []Named
	// CIDRs of which one must hold the client's address; empty is any.
	CIDRs []netip.Prefix
	// Listeners of which one must have taken the request; empty is any.
	Listeners []string
}

// Match says whether the request fulfils the condition.
func (c *Condition) Match(v View) bool {
	if c.Host != "" && !matchHost(c.Host, v.Host()) {
		return false
	}
	if c.Path != nil && !c.Path.Match(v.Path()) {
		return false
	}
	if len(c.Methods) > 0 && !containsBytes(c.Methods, v.Method()) {
		return false
	}
	if len(c.Listeners) > 0 && !slices.Contains(c.Listeners, v.Listener()) {
		return false
	}
	if len(c.CIDRs) > 0 && !Contains(c.CIDRs, v.Client()) {
		return false
	}
	return c.matchNamed(v)
}

func (c *Condition) matchNamed(v View) bool {
	for i := range c.Headers {
		if !c.Headers[i].Text.Match(v.Header(c.Headers[i].Name)) {
			return false
		}
	}
	for i := range c.Cookies {
		if !c.Cookies[i].Text.Match(v.Cookie(c.Cookies[i].Name)) {
			return false
		}
	}
	for i := range c.Query {
		if !c.Query[i].Text.Match(v.Query(c.Query[i].Name)) {
			return false
		}
	}
	return true
}

// HostPattern brings a configured host into the form of Condition.Host: lower case and without its port.
func HostPattern(s string) string {
	s = strings.ToLower(s)
	// A colon after the last bracket begins a port; those inside brackets belong to an IPv6 address.
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		return s[:i]
	}
	return s
}

// Contains says whether one of the prefixes holds the address. An IPv4 address written as IPv6 (::ffff:10.0.0.9)
// counts as IPv4, and a zone is not looked at, so that how a socket was opened changes no answer.
func Contains(prefixes []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func matchHost(pattern string, host []byte) bool {
	suffix, wild := strings.CutPrefix(pattern, "*")
	if !wild {
		return string(host) == pattern
	}
	n := len(host) - len(suffix)
	return n > 0 && string(host[n:]) == suffix
}

func containsBytes(list []string, v []byte) bool {
	for _, s := range list {
		if string(v) == s {
			return true
		}
	}
	return false
}
