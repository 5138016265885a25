// Package app puts the pieces together and takes them apart: it turns a configuration into a running proxy, and a changed one into
// the same proxy changed.
//
// It is the only place that knows everything, and it decides nothing: what a request meets is in proxy, what moves the weights in
// rollout. Start at New, then Run; reload.go is the road of a new configuration, routes.go the one of a new weight.
package app

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/admin"
	"sluice/config"
	"sluice/metrics"
	"sluice/proxy"
	"sluice/rollout"
	"sluice/router"
	"sluice/sock"
	"sluice/store/file"
)

// Options are what a process is started with.
type Options struct {
	// Load reads the configuration: at the start, and again at each reload.
	Load func() (*config.Config, config.Findings)
	// Level of the log, changed by a reload; nil leaves it alone.
	Level *zap.AtomicLevel
	Log   *zap.Logger
	Build admin.Build
}

// App is one running proxy.
type App struct {
	Options
	live    router.Live
	sweeper sock.Sweeper
	process metrics.Process
	noRoute *metrics.Meter
	server  *proxy.Server
	applier *applier
	admin   *admin.Server
	store   *file.Store
	journal *rollout.Journal
	// endJournal writes what is left of the journal.
	endJournal func()

	// mu is held while the configuration changes: one reload at a time. It guards what follows.
	mu        sync.Mutex
	backends  *backends
	listeners listeners
	accepting sync.WaitGroup // the listeners' loops
	running   bool           // Run has begun: new listeners are served at once
	draining  bool           // and has been told to end: nothing changes any more

	// What others read while the configuration changes; replaced as a whole.
	config atomic.Pointer[config.Config]
	parts  atomic.Pointer[map[string]*part]

	ready   atomic.Bool
	reloads reloads
}

// New reads the configuration, takes the state folder and opens every socket, so that what can go wrong at the start does so here and
// in one line. Nothing is carried before Run.
func New(o Options) (*App, error) {
	cfg, findings := o.Load()
	if err := findings.Err(); err != nil {
		return nil, &InvalidConfig{Findings: findings}
	}
	a := &App{Options: o, noRoute: metrics.New(metrics.Config{})}
	a.setLevel(cfg)
	a.applier = newApplier(&a.live, o.Log)
	a.backends = newBackends(&a.sweeper)
	a.parts.Store(&map[string]*part{})
	a.server = proxy.New(proxy.Config{
		Live: &a.live, Process: &a.process, NoRoute: a.noRoute, Sweeper: &a.sweeper, Panicked: a.panicked,
	})
	if err := a.open(cfg); err != nil {
		a.close()
		return nil, err
	}
	a.logWarnings(findings)
	a.reloads.succeeded(time.Now())
	return a, nil
}

// open takes the state folder and the sockets, and puts the first table in force.
func (a *App) open(cfg *config.Config) error {
	var err error
	if a.store, err = file.Open(cfg.State.Dir); err != nil {
		return err
	}
	a.journal = rollout.OpenJournal(cfg.State.Dir)
	a.writeJournal()
	l, err := listen("admin", cfg.Admin.Address)
	if err != nil {
		return err
	}
	if a.admin, err = a.newAdmin(cfg, l); err != nil {
		_ = l.Close()
		return err
	}
	_, err = a.change(cfg)
	return err
}

// writeJournal starts the journal's writer, which is ended last: after the decisions that the end brings.
func (a *App) writeJournal() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	a.endJournal = func() { stop(); <-done }
	go func() {
		defer close(done)
		if err := a.journal.Run(ctx); err != nil {
			a.Log.Warn("the journal's last lines were not written", zap.Error(err))
		}
	}()
}

// close gives back what open took.
func (a *App) close() {
	for _, p := range *a.parts.Load() {
		p.stop()
		<-p.done
	}
	for _, l := range a.listeners {
		_ = l.Close()
	}
	for _, b := range a.backends.running {
		stopAll([]*runningBackend{b})
	}
	if a.journal != nil {
		a.endJournal()
	}
	if a.store != nil {
		_ = a.store.Close()
	}
}

func (a *App) newAdmin(cfg *config.Config, l net.Listener) (*admin.Server, error) {
	tokens, err := readTokens(&cfg.Admin)
	if err != nil {
		return nil, err
	}
	return admin.New(admin.Config{
		Listener: l, Proxy: a, Process: &a.process, Unrouted: a.noRoute, Build: a.Build, Tokens: tokens,
		AllowedHosts: cfg.Admin.AllowedHosts, JournalErrors: a.journal.WriteErrors, Log: a.Log,
	})
}

// Run carries traffic until ctx ends, then drains: it takes no new connections, lets requests finish up to the configured time, and
// stops. force cuts what is left at once when it ends.
func (a *App) Run(ctx context.Context, force context.Context) error {
	background, stop := context.WithCancel(context.Background())
	var helpers sync.WaitGroup
	helpers.Go(func() { _ = a.sweeper.Run(background) })
	helpers.Go(func() { _ = a.server.Run(background) })
	var adminErr error
	helpers.Go(func() { adminErr = a.admin.Run(background) })
	a.mu.Lock()
	a.running = true
	a.serve(a.listeners)
	addresses := a.addresses()
	a.mu.Unlock()
	a.ready.Store(true)
	a.Log.Info("ready", zap.Strings("listeners", addresses), zap.String("admin", a.config.Load().Admin.Address))

	<-ctx.Done()
	err := a.drain(force)
	a.mu.Lock()
	a.close()
	a.mu.Unlock()
	stop()
	helpers.Wait()
	return errors.Join(err, adminErr)
}

// drain ends the data plane in order.
func (a *App) drain(force context.Context) error {
	a.ready.Store(false)
	timeout := a.config.Load().ShutdownTimeout
	a.Log.Info("draining", zap.Duration("shutdownTimeout", timeout))
	a.mu.Lock()
	a.running, a.draining = false, true
	for _, l := range a.listeners {
		_ = l.Close()
	}
	a.mu.Unlock()
	a.accepting.Wait()
	patience, cancel := context.WithTimeout(force, timeout)
	defer cancel()
	if err := a.server.Shutdown(patience); err != nil {
		why := "they did not finish within shutdownTimeout"
		if force.Err() != nil {
			why = "a second signal forced the end"
		}
		a.Log.Warn("requests were cut: "+why, zap.Duration("shutdownTimeout", timeout))
	}
	return nil
}

// serve takes connections from the sockets, each in a loop of its own.
func (a *App) serve(ls listeners) {
	for _, l := range ls {
		a.accepting.Go(func() {
			if err := a.server.Serve(l); err != nil {
				a.Log.Error("a listener ended", zap.Error(err))
			}
		})
	}
}

func (a *App) addresses() []string {
	var out []string
	for _, l := range a.listeners {
		out = append(out, l.Addr().String())
	}
	return out
}

func (a *App) setLevel(cfg *config.Config) {
	if a.Level == nil {
		return
	}
	if err := a.Level.UnmarshalText([]byte(cfg.Log.Level)); err != nil {
		a.Log.Warn("log.level is left as it was", zap.Error(err))
	}
}

func (a *App) logWarnings(findings config.Findings) {
	for _, f := range findings.Warnings() {
		a.Log.Warn(f.String())
	}
}

func (a *App) panicked(value any, stack []byte) {
	a.Log.Error("a request met a bug and was answered with 502; please report it", zap.Any("panic", value), zap.ByteString("stack", stack))
}
