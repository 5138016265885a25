package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"sluice/admin"
	"sluice/config"
	"sluice/metrics"
	"sluice/request"
	"sluice/rollout"
	"sluice/router"
)

const (
	// visitors are the users that a route's table is made for: 16 MiB.
	visitors = 1 << 20
	// rememberedEvents are the ids of a route that are known again.
	rememberedEvents = 1 << 16
	// clockSkew is how far the clock of who reports a conversion may be from ours.
	clockSkew = 5 * time.Second
)

// conversion is a route's, under one configuration.
type conversion struct {
	*visiting
	// of says under which rules visits can go on.
	of     string
	within time.Duration
}

// visiting is the same as long as a route has conversions.
type visiting struct {
	visits atomic.Pointer[metrics.Visits]
	counts metrics.VisitCounts

	mu  sync.Mutex // guards what follows
	ids map[uint64]bool
	old []uint64 // a ring of them
	at  int
}

// conversionOf says under which rules a route's visits can go on: the age, and the backends, which they name by their index.
func conversionOf(r *config.Route) string {
	if r.Conversion == nil {
		return ""
	}
	names := make([]string, len(r.Backends))
	for i := range r.Backends {
		names[i] = r.Backends[i].Name
	}
	return fmt.Sprintf("%v of %s", r.Conversion.Within, strings.Join(names, ","))
}

// countConversions gives every route that has conversions its visits. Where no controller makes tables, one is made here.
func (a *App) countConversions(cfg *config.Config, t *router.Table) {
	old, next := a.conversions.Load(), map[string]*conversion{}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		if r.Conversion == nil {
			continue
		}
		c := &conversion{of: conversionOf(r), within: r.Conversion.Within}
		before := (*old)[r.Name]
		if before == nil {
			c.visiting = &visiting{ids: map[uint64]bool{}}
		} else {
			c.visiting = before.visiting
		}
		if controlled := movable(r) && a.store != nil; !controlled && (before == nil || before.of != c.of) {
			c.anew(false)
		}
		t.Routes[i].Conversion.Visits = &c.visits
		next[r.Name] = c
	}
	a.conversions.Store(&next)
}

// anewVisits puts an empty table in force on a route; nil where it has no conversions.
func (a *App) anewVisits(route string, once bool) *metrics.Visits {
	if c := (*a.conversions.Load())[route]; c != nil {
		return c.anew(once)
	}
	return nil
}

func (c *conversion) anew(once bool) *metrics.Visits {
	v := metrics.NewVisits(metrics.VisitsConfig{Users: visitors, Within: c.within, Once: once, Counts: &c.counts})
	c.visits.Store(v)
	return v
}

// routeConversion is what the data plane knows of it.
func routeConversion(c *config.Conversion) (*router.Conversion, error) {
	if c == nil {
		return nil, nil
	}
	visit, err := condition(&c.Visit)
	if err != nil {
		return nil, err
	}
	out := &router.Conversion{Visit: visit, Header: strings.ToLower(c.ResponseHeader), Visits: new(atomic.Pointer[metrics.Visits])}
	if c.Goal != nil {
		var goal request.Condition
		if goal, err = condition(&c.Goal.Condition); err != nil {
			return nil, err
		}
		out.Goal, out.Status = &goal, c.Goal.Status
	}
	return out, nil
}

// Converted takes a report that a user has converted.
func (a *App) Converted(e admin.ConversionEvent) (admin.Conversion, error) {
	all, table := *a.conversions.Load(), a.live.Load()
	if e.Route == "" && len(all) == 1 {
		for name := range all {
			e.Route = name
		}
	}
	switch {
	case e.Route == "":
		return admin.Conversion{}, &rollout.Invalid{Reason: fmt.Sprintf("field \"route\" is missing, and %d routes have conversions", len(all))}
	case table == nil || table.Route(e.Route) == nil:
		return admin.Conversion{}, admin.NoRoute(e.Route, slices.Sorted(maps.Keys(all)))
	case all[e.Route] == nil || table.Route(e.Route).Conversion == nil:
		return admin.Conversion{}, &rollout.Refused{Reason: fmt.Sprintf("route %q counts no conversions: set conversion on it", e.Route)}
	}
	r := table.Route(e.Route)
	result, backend := all[e.Route].event(r, &e, time.Now(), metrics.Now())
	out := admin.Conversion{Route: e.Route, Result: result.String(), Counted: result == metrics.Converted}
	if backend >= 0 && backend < len(r.Backends) {
		out.Backend = r.Backends[backend].Name()
		if out.Counted {
			r.Meters[backend].Converted(0)
		}
	}
	return out, nil
}

// event counts a report; the backend is that of the user's visit, -1 where there is none.
func (c *conversion) event(r *router.Route, e *admin.ConversionEvent, wall time.Time, now metrics.Instant) (result metrics.Conversion, backend int) {
	defer func() { c.counts.Event(result) }()
	at := now
	if !e.At.IsZero() {
		ago := wall.Sub(e.At)
		if ago < -clockSkew {
			return metrics.InFuture, -1
		}
		const longest = 200 * 365 * 24 * time.Hour
		at = now.Add(-max(0, min(ago, longest)-clockSkew))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id := xxhash.Sum64String(e.ID)
	if e.ID != "" && c.ids[id] {
		return metrics.Duplicate, -1
	}
	visits := c.visits.Load()
	if visits == nil {
		return metrics.UnknownUser, -1
	}
	result, backend = visits.Convert(r.Selector.UserKey(e.User), at, now)
	switch {
	case result == metrics.UnknownUser:
		backend = -1
	case result == metrics.Converted && e.ID != "":
		c.remember(id)
	}
	return result, backend
}

// remember keeps an id in the place of the oldest. Only what was counted is known again: what came too early may come once more.
func (c *visiting) remember(id uint64) {
	if len(c.old) < rememberedEvents {
		c.old = append(c.old, id)
	} else {
		delete(c.ids, c.old[c.at])
		c.old[c.at] = id
		c.at = (c.at + 1) % rememberedEvents
	}
	c.ids[id] = true
}
