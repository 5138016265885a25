package admin

import (
	"context"
	"slices"

	"sluice/rollout"
)

// RouteChange is an event: what a route's traffic follows now. It is sent when one of its fields is new.
type RouteChange struct {
	Route   string                    `json:"route"`
	Attempt string                    `json:"attempt"`
	Phase   rollout.Phase             `json:"phase"` // "" on a route without a rollout
	Outcome rollout.Outcome           `json:"outcome"`
	Reason  string                    `json:"reason"`
	Step    int                       `json:"step"`
	Weights map[string]rollout.Weight `json:"weights"` // in force, by backend
}

// followed is what was told of a route last.
type followed struct {
	control Controller
	stop    context.CancelFunc
	newest  mark
	change  RouteChange
}

// follow subscribes to a route that is new, or has a new controller.
func (f *feed) follow(ctx context.Context, r Route, old *followed) *followed {
	next := &followed{control: r.Control, stop: func() {}}
	if old != nil {
		old.stop()
		next.newest, next.change = old.newest, old.change
	}
	if r.Control != nil {
		ctx, stop := context.WithCancel(ctx)
		next.stop = stop
		nudges := r.Control.Subscribe(ctx)
		go func() {
			for range nudges {
				select {
				case f.wake <- struct{}{}:
				default:
				}
			}
		}()
	}
	f.routes[r.Name] = next
	return next
}

// fresh are the route's decisions that were not told, newest first.
func (f *feed) fresh(r *followed) []rollout.Decision {
	for depth := 16; ; depth = journalDepth {
		all := r.control.Decisions(depth)
		i := slices.IndexFunc(all, func(d rollout.Decision) bool { return markOf(d) == r.newest })
		if i < 0 && len(all) == depth && depth < journalDepth {
			continue
		}
		if len(all) > 0 {
			r.newest = markOf(all[0])
		}
		if i >= 0 {
			return all[:i]
		}
		if len(all) == depth { // there are older ones, perhaps
			f.lost = max(f.lost, micros(all[depth-1])-1)
		}
		return all
	}
}

func changeOf(r Route) RouteChange {
	c := RouteChange{Route: r.Name, Weights: make(map[string]rollout.Weight, len(r.Backends))}
	for _, b := range r.Backends {
		c.Weights[b.Name] = b.Weight
	}
	if r.Rollout {
		s := r.Control.Status()
		c.Attempt, c.Phase, c.Outcome, c.Reason, c.Step = s.Attempt, s.Phase, s.Outcome, s.Reason, s.Step
	}
	return c
}
