// Package router is the immutable table of routes that requests are matched against, and the pointer to the one in force.
//
// A table is built whole, published, and never changed: a reload or a new weight is another table with a higher generation. It
// knows what belongs to a route, not how a request is carried. Start at Table, then Live.
package router

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"sluice/access"
	"sluice/backend"
	"sluice/identity"
	"sluice/metrics"
	"sluice/request"
	"sluice/selector"
)

// Route matches requests, and owns backends and the way to choose between them.
type Route struct {
	Name string
	// Match: one of the entries must hold; none takes every request.
	Match []request.Condition
	// Backends in the order of the configuration: their index is what selector.Choice names.
	Backends []*backend.Backend
	// Meters of the backends, in the same order.
	Meters []*metrics.Meter
	// Users is where the users of a sticky route are counted while a rollout is judged; nil, or nothing in it, is nowhere.
	Users *atomic.Pointer[metrics.Keys]
	// Conversion is what begins and converts visits of users; nil is nothing.
	Conversion *Conversion
	// Selector in force.
	Selector *selector.Selector
	// Fallback takes requests whose backend is unavailable: a role or an index; NoFallback answers 503.
	Fallback selector.Target
	// Timeout of a whole request; 0 is none.
	Timeout time.Duration
	// Changes are made in heads that go through; nil is none. Redirect answers in place of backends, of which there is none then.
	Changes  *Changes
	Redirect *Redirect
	// Fault makes requests late, or fails them, on purpose; nil is never.
	Fault *Fault
	// CORS says which pages' scripts may use the route; nil leaves that to the backends.
	CORS *CORS
	// Retry and Rescue give a request that failed another chance; nil is none.
	Retry  *Retry
	Rescue *Rescue
	// Reports says that somebody wants to know what answers report of their hosts; the meters count it.
	Reports bool
	// Mirror copies requests to another backend, whose answers nobody gets; nil is never.
	Mirror *Mirror
	// Override lets requests name their backend; nil is never.
	Override *Override
	// Cookie is how the sticky cookie is set; nil where the route has none.
	Cookie *Cookie
}

// NoFallback is a Fallback that leads nowhere.
const NoFallback selector.Target = -3

// Cookie is how a sticky cookie is set (RFC 6265, section 4.1).
type Cookie struct {
	Name string
	TTL  time.Duration
	// Attributes are those that never change, as they are written: "; Path=/; HttpOnly; SameSite=Lax".
	Attributes string
	Secure     Secure
	// Sign signs the value; nil leaves it bare.
	Sign *selector.Signer
}

// Secure says when a cookie carries the attribute of that name.
type Secure uint8

// The cases.
const (
	SecureAuto Secure = iota // when the client spoke https
	SecureAlways
	SecureNever
)

// FallbackIndex is the backend that takes requests which unavailable's backend can't, -1 when there is none.
func (r *Route) FallbackIndex(unavailable int) int {
	at := -1
	switch split := r.Selector.Split(); r.Fallback {
	case NoFallback:
	case selector.ToStable:
		at = split.Stable
	case selector.ToCanary:
		at = split.Canary
	default:
		at = int(r.Fallback)
	}
	if at == unavailable {
		return -1
	}
	return at
}

// Serving is the backend that a request goes to for which chosen was picked: chosen itself, or the fallback when it is unavailable;
// false when neither can take it.
func (r *Route) Serving(chosen int) (int, bool) {
	if r.Backends[chosen].Available() {
		return chosen, true
	}
	other := r.FallbackIndex(chosen)
	return other, other >= 0 && r.Backends[other].Available()
}

// Table is all routes at one moment. It never changes.
type Table struct {
	// Generation grows with every table of a process.
	Generation uint64
	Routes     []*Route
	// Identity reads users from requests.
	Identity *identity.Reader
	// DebugHeaders adds Sluice-Backend and Sluice-Reason to answers.
	DebugHeaders bool
	// Access takes notes of every request; nil is off.
	Access *access.Log

	index *index // nil where there are few routes
}

// fewRoutes are asked one after the other until one takes the request: with two that costs half of what the index's maps do, with four
// about as much (BenchmarkMatchAFewRoutes).
const fewRoutes = 4

// New makes a table; the routes are tried in the given order.
func New(t Table) *Table {
	t.Routes = slices.Clone(t.Routes)
	if len(t.Routes) > fewRoutes {
		t.index = newIndex(t.Routes)
	}
	return &t
}

// Match is the first route that takes the request, nil when none does.
func (t *Table) Match(v request.View) *Route {
	if t.index == nil {
		for _, r := range t.Routes {
			if r.Takes(v) {
				return r
			}
		}
		return nil
	}
	if i := t.index.first(t.Routes, v); i >= 0 {
		return t.Routes[i]
	}
	return nil
}

// Route is the route of that name, nil when there is none.
func (t *Table) Route(name string) *Route {
	for _, r := range t.Routes {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// WithSplits is the table with other splits for the named routes; everything else is shared.
func (t *Table) WithSplits(splits map[string]selector.Split) *Table {
	next := *t
	next.Generation++
	next.Routes = slices.Clone(t.Routes)
	left := maps.Clone(splits)
	for i, r := range next.Routes {
		if split, ok := left[r.Name]; ok {
			changed := *r
			changed.Selector = r.Selector.WithSplit(split)
			next.Routes[i] = &changed
			delete(left, r.Name)
		}
	}
	return &next
}

// Takes says whether the route matches the request.
func (r *Route) Takes(v request.View) bool {
	if len(r.Match) == 0 {
		return true
	}
	for i := range r.Match {
		if r.Match[i].Match(v) {
			return true
		}
	}
	return false
}

// Live is the pointer to the table in force. One goroutine stores; everybody loads.
type Live struct{ table atomic.Pointer[Table] }

// Load is the table in force; nil before the first Store.
func (l *Live) Load() *Table { return l.table.Load() }

// Store puts a table in force.
func (l *Live) Store(t *Table) { l.table.Store(t) }
