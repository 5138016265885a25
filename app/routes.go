package app

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"sluice/backend"
	"sluice/config"
	"sluice/identity"
	"sluice/metrics"
	"sluice/rollout"
	"sluice/router"
	"sluice/selector"
)

// applier is the one place that puts tables in force. It keeps the newest routing of each route, so that a table that is built anew
// and a weight that moves at the same time can't undo each other.
type applier struct {
	live *router.Live
	log  *zap.Logger

	mu       sync.Mutex
	config   map[string]*config.Route
	routings map[string]rollout.Routing
}

func newApplier(live *router.Live, log *zap.Logger) *applier {
	return &applier{live: live, log: log, routings: map[string]rollout.Routing{}}
}

// apply puts a routing in force, unless it is already, or a newer one of its route. It returns when the next request sees it.
func (a *applier) apply(r rollout.Routing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old, ok := a.routings[r.Route]; ok && (old.Seq > r.Seq || reflect.DeepEqual(old, r)) {
		return
	}
	a.routings[r.Route] = r
	c, table := a.config[r.Route], a.live.Load()
	if c == nil || table == nil {
		return // before the first table, or while the route is being removed
	}
	s, err := split(c, &r)
	if err != nil {
		return // a reload is under way: its table takes this routing up
	}
	a.live.Store(table.WithSplits(map[string]selector.Split{r.Route: s}))
	a.log.Debug("weights applied", zap.String("route", r.Route), zap.Stringer("canary", r.CanaryWeight), zap.Uint64("seq", r.Seq))
}

// install puts a whole table in force, with the newest routing of each route that moves weights. The others have one backend.
func (a *applier) install(cfg *config.Config, t router.Table) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.config = map[string]*config.Route{}
	for i, r := range t.Routes {
		c := &cfg.Routes[i]
		a.config[c.Name] = c
		s := selector.Split{Canary: -1, PairWeight: uint32(rollout.Full), Salt: c.Name}
		if by, ok := a.routings[c.Name]; ok && movable(c) {
			var err error
			if s, err = split(c, &by); err != nil {
				return fmt.Errorf("bug: the routing does not fit the configuration: %w", err)
			}
		}
		r.Selector = r.Selector.WithSplit(s)
	}
	if old := a.live.Load(); old != nil {
		t.Generation = old.Generation
	}
	t.Generation++
	a.live.Store(router.New(t))
	return nil
}

// forget drops what a removed route has left: one of the same name that comes later counts its states anew.
func (a *applier) forget(route string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.routings, route)
}

// routing is the one in force.
func (a *applier) routing(route string) (rollout.Routing, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.routings[route]
	return r, ok
}

// table builds the routes of a configuration over running backends; install gives them their splits.
func table(cfg *config.Config, keys *identity.Keys, backends map[backendName]*runningBackend, b *backends) (router.Table, error) {
	t := router.Table{Identity: identity.New(identityConfig(&cfg.Identity, keys)), DebugHeaders: cfg.DebugHeaders}
	for i := range cfg.Routes {
		c := &cfg.Routes[i]
		r, err := route(c)
		if err != nil {
			return t, err
		}
		if r.Mirror != nil && r.Mirror.OnTrial {
			r.Mirror.Pair = b.pair(c.Name)
		}
		for j := range c.Backends {
			name := backendName{c.Name, c.Backends[j].Name}
			r.Backends = append(r.Backends, backends[name].Backend)
			r.Meters = append(r.Meters, b.meter(name))
		}
		t.Routes = append(t.Routes, r)
	}
	return t, nil
}

func route(c *config.Route) (*router.Route, error) {
	match, err := conditions(c.Match)
	if err != nil {
		return nil, fmt.Errorf("route %q: %w", c.Name, err)
	}
	how, err := selection(c)
	if err != nil {
		return nil, err
	}
	sign, err := cookieSigner(c, how.Sticky)
	if err != nil {
		return nil, err
	}
	out := &router.Route{
		Name: c.Name, Match: match, Selector: selector.New(how, selector.Split{Canary: -1}),
		Fallback: target(c, c.Fallback), Timeout: c.Timeout, Cookie: cookie(&c.Sticky),
	}
	if out.Cookie != nil {
		out.Cookie.Sign = sign
	}
	out.Reports = c.Resources != nil && c.Resources.Source == "orca"
	again(c, out)
	changes(c, out)
	if out.Conversion, err = routeConversion(c.Conversion); err != nil {
		return nil, fmt.Errorf("route %q, conversion: %w", c.Name, err)
	}
	if out.Override, err = override(c); err != nil {
		return nil, err
	}
	return out, err
}

// part is a route whose weights can move: its controller, and what the controller asks about its backends.
type part struct {
	*rollout.Controller
	live  atomic.Pointer[router.Route]
	left  atomic.Pointer[[]*backend.Backend] // replaced, perhaps with requests yet; nil is none
	users *atomic.Pointer[metrics.Keys]      // the same in every table that has the route
	stop  func()
	done  chan struct{}
	// telling talks to the outside about it, sampling asks there.
	telling  telling
	sampling sampling
}

// named is a backend of the route by its name; nil when it is not in force.
func (p *part) named(name string) *backend.Backend {
	if r := p.live.Load(); r != nil {
		for _, b := range r.Backends {
			if b.Name() == name {
				return b
			}
		}
	}
	return nil
}

// available is the health of a backend of the route; one that is not in force is unavailable.
func (p *part) available(name string) bool {
	b := p.named(name)
	return b != nil && b.Available()
}

// adopt makes a table's route the part's, before its controller gets the plan. What is replaced is remembered as long as it has requests: a
// rollback waits for these, whichever version they are at.
func (p *part) adopt(r *router.Route) {
	var left []*backend.Backend
	for _, b := range p.all() {
		if !slices.Contains(r.Backends, b) && (p.named(b.Name()) == b || b.InFlight() > 0) {
			left = append(left, b)
		}
	}
	p.left.Store(&left)
	p.live.Store(r)
}

// all are the route's backends, those that were replaced with them.
func (p *part) all() (out []*backend.Backend) {
	if left := p.left.Load(); left != nil {
		out = append(out, *left...)
	}
	if r := p.live.Load(); r != nil {
		out = append(out, r.Backends...)
	}
	return out
}

// inFlight is the number of requests at a backend of the route now, and at what it has replaced.
func (p *part) inFlight(name string) (n int64) {
	for _, b := range p.all() {
		if b.Name() == name {
			n += b.InFlight()
		}
	}
	return n
}

// cutStreams ends the streams of a backend of the route, and of what it has replaced.
func (p *part) cutStreams(name string) {
	for _, b := range p.all() {
		if b.Name() == name {
			b.CutStreams()
		}
	}
}
