package router

import (
	"time"

	"sluice/request"
)

// Headers are the fields of one direction that a route removes and adds.
type Headers struct {
	// Remove holds the names that go, in lower case: those that are set are among them.
	Remove []string
	// Lines are those that come, ready to be written, each with its line end.
	Lines string
}

// Removes says whether a field of that name goes. A nil Headers removes nothing.
func (h *Headers) Removes(name []byte) bool {
	if h == nil {
		return false
	}
	for _, r := range h.Remove {
		if len(r) == len(name) && equalFold(name, r) {
			return true
		}
	}
	return false
}

// equalFold compares ASCII without case; b is lower case.
func equalFold(a []byte, b string) bool {
	for i, c := range a {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != b[i] {
			return false
		}
	}
	return true
}

// Changes are what a route changes in heads that go through it.
type Changes struct {
	Request, Response *Headers // nil: nothing
	Host              string   // that the backend gets; "" is the client's
	Rewrite           *Rewrite // nil: the client's path
}

// Removes says whether a request's field goes.
func (c *Changes) Removes(name []byte) bool {
	return c.Request.Removes(name) || c.Host != "" && len(name) == 4 && equalFold(name, "host")
}

// Rewrite is what takes the place of the prefix by which a route took a request.
type Rewrite struct {
	Prefix string
	// Match is the route's, and Prefixes the path prefix of each entry, "" where it has none.
	Match    []request.Condition
	Prefixes []string
}

// Matched is the prefix by which the route took the request: "" when it was not by a prefix.
func (w *Rewrite) Matched(v request.View) string {
	for i := range w.Match {
		if w.Match[i].Match(v) {
			return w.Prefixes[i]
		}
	}
	return ""
}

// Redirect is where a route sends its clients; what is empty stays as it was asked for.
type Redirect struct {
	Scheme, Host, Path string
	Status             int
}

// Fault is what a route does to its own clients; shares are basis points.
type Fault struct {
	DelayPercent uint32
	Delay        time.Duration
	AbortPercent uint32
	Status       int
}
