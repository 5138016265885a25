package app

import (
	"context"
	"math"

	"sluice/admin"
	"sluice/config"
	"sluice/rollout"
	"sluice/router"
)

var _ admin.Proxy = (*App)(nil)

// Ready says whether the process takes new traffic.
func (a *App) Ready() bool { return a.ready.Load() }

// Reloads counts the configurations that were read.
func (a *App) Reloads() admin.Reloads { return a.reloads.read() }

// Routes are all routes as they are now.
func (a *App) Routes() []admin.Route {
	table, parts, followed, cfg := a.live.Load(), *a.parts.Load(), *a.followed.Load(), a.config.Load()
	if table == nil || cfg == nil {
		return nil
	}
	rollouts := map[string]bool{}
	for i := range cfg.Routes {
		rollouts[cfg.Routes[i].Name] = cfg.Routes[i].Rollout != nil
	}
	out := make([]admin.Route, 0, len(table.Routes))
	for _, r := range table.Routes {
		view := admin.Route{Name: r.Name, Generation: table.Generation, Backends: a.views(r), Rollout: rollouts[r.Name]}
		if c := (*a.conversions.Load())[r.Name]; c != nil {
			view.Conversions = &c.counts
		}
		if p := parts[r.Name]; p != nil {
			view.Control = a.controlOf(p)
			nameVersions(view.Backends, p.Status())
		} else if f := followed[r.Name]; f != nil {
			view.Control = f
			nameVersions(view.Backends, f.Status())
		}
		out = append(out, view)
	}
	return out
}

// nameVersions puts the versions that the rollout knows in place of the file's: a command may have named another one.
func nameVersions(backends []admin.Backend, s rollout.Status) {
	for i := range backends {
		for _, role := range []rollout.Role{s.Stable, s.Canary} {
			if role.Backend == backends[i].Name && role.Version != "" {
				backends[i].Version = role.Version
			}
		}
	}
}

// controlOf takes commands while this process decides; afterwards they are for the one that comes after it.
func (a *App) controlOf(p *part) admin.Controller {
	if a.leaving.Load() {
		return leaver{p.Controller}
	}
	return p.Controller
}

// leaver is a controller that shows how it was left.
type leaver struct{ *rollout.Controller }

// Do is refused.
func (l leaver) Do(context.Context, rollout.Command) (rollout.Status, error) {
	return l.Status(), &rollout.Refused{Reason: "the process is ending and no longer decides: ask again when the next one is there"}
}

func (a *App) views(r *router.Route) []admin.Backend {
	by, moved := a.applier.routing(r.Name)
	var out []admin.Backend
	for i, b := range r.Backends {
		weight := rollout.Full
		if moved {
			weight = rollout.Weight(math.Round(by.Share(b.Name()) * float64(rollout.Full)))
		}
		view := admin.Backend{Name: b.Name(), Version: b.Version(), Weight: weight, Meter: r.Meters[i], FailedLookups: b.FailedLookups()}
		for _, e := range b.Endpoints() {
			view.Endpoints = append(view.Endpoints, admin.Endpoint{URL: e.URL(), Healthy: e.Healthy(), InFlight: e.InFlight()})
		}
		out = append(out, view)
	}
	return out
}

// Document is the configuration in force as it was written.
func (a *App) Document() admin.Document { return documentOf(a.config.Load()) }

// DocumentBefore is the configuration before it; nil when there was none.
func (a *App) DocumentBefore() admin.Document { return documentOf(a.before.Load()) }

func documentOf(cfg *config.Config) admin.Document {
	if cfg != nil {
		if d, ok := cfg.Document(); ok {
			return d
		}
	}
	return nil
}

// Explain says where a request would go.
func (a *App) Explain(q admin.ExplainRequest) (admin.Explanation, error) {
	return explain(a.live.Load(), a.config.Load(), q)
}
