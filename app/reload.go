package app

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/admin"
	"sluice/config"
	"sluice/metrics"
	"sluice/rollout"
	"sluice/router"
)

// InvalidConfig is a configuration that can't be run. Its text has a line for each error.
type InvalidConfig struct{ Findings config.Findings }

func (e *InvalidConfig) Error() string { return e.Findings.Err().Error() }

// Reload reads the configuration again and puts it in force. On an error nothing has changed: *admin.InvalidConfig for a file with
// errors, *rollout.Refused for one that can't follow on the present state.
func (a *App) Reload(context.Context) (admin.Reloaded, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.draining {
		return admin.Reloaded{}, &rollout.Refused{Reason: "the process is ending: start it again with the new configuration"}
	}
	a.notify("RELOADING=1")
	defer a.notify("READY=1")
	done, err := a.reload()
	if err != nil {
		a.reloads.failed()
		a.Log.Error("reload refused; the configuration before stays in force", zap.Error(err))
		return admin.Reloaded{}, err
	}
	a.reloads.succeeded(time.Now())
	a.Log.Info("reloaded", zap.Uint64("generation", done.Generation))
	return done, nil
}

func (a *App) reload() (admin.Reloaded, error) {
	cfg, findings := a.Load()
	if findings.Err() != nil {
		return admin.Reloaded{}, invalid(findings)
	}
	old := a.config.Load()
	switch {
	case cfg.Admin.Address != old.Admin.Address:
		return admin.Reloaded{}, &rollout.Refused{Reason: "admin.address can't change while the process runs: restart it, or put the old address back"}
	case cfg.State.Dir != old.State.Dir:
		return admin.Reloaded{}, &rollout.Refused{Reason: "state.dir can't change while the process runs: restart it, or put the old folder back"}
	}
	tokens, err := readTokens(&cfg.Admin)
	if err == nil && a.admin != nil { // not taken over yet
		err = a.admin.CheckTokens(tokens)
	}
	if err != nil {
		return admin.Reloaded{}, &admin.InvalidConfig{Errors: []string{err.Error()}}
	}
	generation, err := a.change(cfg)
	if err != nil {
		return admin.Reloaded{}, err
	}
	if a.admin != nil {
		a.admin.SetTokens(tokens)
	}
	a.setLevel(cfg)
	a.logWarnings(findings)
	done := admin.Reloaded{Generation: generation}
	for _, w := range findings.Warnings() {
		done.Warnings = append(done.Warnings, w.String())
	}
	return done, nil
}

func invalid(findings config.Findings) *admin.InvalidConfig {
	out := &admin.InvalidConfig{}
	for _, f := range findings {
		if f.Severity == config.Error {
			out.Errors = append(out.Errors, f.String())
		}
	}
	return out
}

// change makes a configuration the one in force: first all that can fail, then all that can't. It returns the generation of the table.
func (a *App) change(cfg *config.Config) (uint64, error) {
	if err := a.checkPlans(cfg); err != nil {
		return 0, err
	}
	next, err := a.backends.plan(cfg)
	if err != nil {
		return 0, err
	}
	signed, err := a.keyring.plan(cfg.Identity.JWT, a.keysFetched)
	if err != nil {
		return 0, err
	}
	t, err := table(cfg, signed.keys, next, a.backends)
	if err != nil {
		return 0, err
	}
	secured, err := a.secured.plan(cfg, edgeReports{a.certificateChanged, a.certificateOrdered})
	if err != nil {
		return 0, err
	}
	if err := a.openFlagDoor(cfg); err != nil {
		return 0, err
	}
	sockets, err := a.listeners.open(cfg, a.openClients)
	if err != nil {
		return 0, err
	}
	receivers, err := receivers(cfg)
	if err != nil {
		sockets.closeExcept(a.listeners)
		return 0, err
	}
	requests, err := a.planRequestLog(cfg)
	if err != nil {
		sockets.closeExcept(a.listeners)
		return 0, err
	}
	t.Access = requests.records()
	a.keyring.adopt(signed)
	unused := a.backends.adopt(next)
	a.countConversions(cfg, &t)
	parts, err := a.control(cfg, &t)
	if err != nil {
		sockets.closeExcept(a.listeners)
		return 0, err
	}
	if err := a.applier.install(cfg, t); err != nil {
		sockets.closeExcept(a.listeners)
		return 0, err
	}
	a.adoptRequestLog(requests)
	a.before.Store(a.config.Swap(cfg))
	a.retire(parts)
	for i := range cfg.Routes {
		if p := parts[cfg.Routes[i].Name]; p != nil {
			p.tell(cfg.Routes[i].Name, receivers[cfg.Routes[i].Name], a.Log)
			p.sample(cfg.Routes[i].Name, sampled(&cfg.Routes[i]), a.backends.meter, a.Log)
		}
	}
	a.switchSockets(cfg, sockets, secured)
	go stopAll(unused)
	return a.live.Load().Generation, nil
}

// switchSockets serves the new sockets and closes those that are gone. Connections that were taken from them stay.
func (a *App) switchSockets(cfg *config.Config, next listeners, secured secured) {
	secured.adopt(a.secured)
	a.secured = secured
	a.certificates.secured.Store(&secured)
	next.configure(cfg, secured, a.door.entrance())
	fresh := listeners{}
	for address, l := range next {
		if a.listeners[address] == nil {
			fresh[address] = l
		}
	}
	a.listeners.closeExcept(next)
	a.listeners = next
	if a.running {
		a.serve(fresh)
	}
}

// checkPlans asks every controller whether the new plan can follow on what it does.
func (a *App) checkPlans(cfg *config.Config) error {
	parts := *a.parts.Load()
	for i := range cfg.Routes {
		if p := parts[cfg.Routes[i].Name]; p != nil && movable(&cfg.Routes[i]) {
			if err := p.CheckPlan(plan(&cfg.Routes[i])); err != nil {
				return err
			}
		}
	}
	return nil
}

// movable says that a route has weights to move.
func movable(r *config.Route) bool { return len(r.Backends) > 1 }

// control gives each route that can move weights its controller: those there are get the new plan, others are made and started.
func (a *App) control(cfg *config.Config, t *router.Table) (map[string]*part, error) {
	old, next := *a.parts.Load(), map[string]*part{}
	if a.store == nil {
		a.follow(cfg, true)
		return next, nil
	}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		if !movable(r) {
			continue
		}
		p := old[r.Name]
		if p == nil {
			p = &part{done: make(chan struct{}), users: new(atomic.Pointer[metrics.Keys])}
		}
		t.Routes[i].Users = p.users
		p.adopt(t.Routes[i])
		if err := a.direct(p, plan(r)); err != nil {
			return nil, fmt.Errorf("route %q: %w", r.Name, err)
		}
		next[r.Name] = p
	}
	return next, nil
}

// direct makes the part's controller follow the plan.
func (a *App) direct(p *part, plan rollout.Plan) error {
	if p.Controller != nil {
		return p.SetPlan(context.Background(), plan)
	}
	c, err := rollout.New(rollout.Config{
		Plan: plan, Store: a.store, Journal: a.journal, Blocks: a.blocks, Log: a.Log, Apply: a.applier.apply,
		Meters: func(backend string) *metrics.Meter { return a.backends.meter(backendName{plan.Route, backend}) },
		Copies: func() (copies, originals *metrics.Meter) {
			pair := a.backends.pair(plan.Route)
			return pair.Copies, pair.Originals
		},
		Available: p.available, InFlight: p.inFlight, CutStreams: p.cutStreams,
		Users: p.users.Store, Visits: func(once bool) *metrics.Visits { return a.anewVisits(plan.Route, once) },
	})
	if err != nil {
		return err
	}
	p.Controller = c
	a.applier.apply(c.Routing())
	return nil
}

// retire puts the new controllers in charge, starts those that are new, and ends those whose route is gone: their attempts are aborted
// and their state is deleted.
func (a *App) retire(next map[string]*part) {
	old := *a.parts.Load()
	for name, p := range next {
		if old[name] == nil {
			p.start()
		}
	}
	a.parts.Store(&next)
	for name, p := range old {
		if next[name] != nil {
			continue
		}
		if err := p.Remove(context.Background()); err != nil {
			a.Log.Warn("the state of a removed route was not deleted", zap.String("route", name), zap.Error(err))
		}
		p.hush()
		p.unsample()
		p.stop()
		<-p.done
		a.applier.forget(name)
	}
}

func (p *part) start() {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	go func() {
		defer close(p.done)
		_ = p.Run(ctx)
	}()
}

// reloads counts what admin.Reloads shows.
type reloads struct {
	mu    sync.Mutex
	count admin.Reloads
}

func (r *reloads) succeeded(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count.Succeeded++
	r.count.LastSuccess = at
}

func (r *reloads) failed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count.Failed++
}

func (r *reloads) read() admin.Reloads {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}
