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
	"sluice/proxy/h2"
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
	// Takeover joins a process that has the addresses and the state folder: its state is followed, and nothing is decided, until it ends.
	// Without it both are errors.
	Takeover bool
	// Inherited are sockets that listeners take instead of opening their own.
	Inherited []Inherited
	// Notify is told "READY=1", "RELOADING=1" and "STOPPING=1" (sd_notify(3)); nil is nobody.
	Notify func(state string)
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
	blocks  *rollout.Blocks
	// endJournal writes what is left of the journal and of the block logs.
	endJournal func()

	// mu is held while the configuration changes: one reload at a time. It guards what follows.
	mu        sync.Mutex
	backends  *backends
	listeners listeners
	secured   secured
	keyring   keyring
	door      *flagDoor // nil until a listener answers feature flags
	inherited inheritance
	accepting sync.WaitGroup // the listeners' loops
	running   bool           // Run has begun: new listeners are served at once
	draining  bool           // and has been told to end: nothing changes any more

	// What others read while the configuration changes; replaced as a whole.
	config, before atomic.Pointer[config.Config]
	parts          atomic.Pointer[map[string]*part]
	// followed are the routes that another process decides.
	followed atomic.Pointer[map[string]*follower]
	// conversions of the routes that count them.
	conversions atomic.Pointer[map[string]*conversion]

	certificates certificates
	requestLogs

	ready   atomic.Bool
	leaving atomic.Bool // commands are for who comes after
	reloads reloads
}

// New reads the configuration, takes the state folder and opens every socket, so that what can go wrong at the start does so here and
// in one line. Nothing is carried before Run.
func New(o Options) (*App, error) {
	cfg, findings := o.Load()
	if err := findings.Err(); err != nil {
		return nil, &InvalidConfig{Findings: findings}
	}
	a := &App{Options: o, noRoute: metrics.New(metrics.Config{}), inherited: o.Inherited}
	a.setLevel(cfg)
	a.applier = newApplier(&a.live, o.Log)
	a.backends = newBackends(&a.sweeper, o.Log)
	a.parts.Store(&map[string]*part{})
	a.followed.Store(&map[string]*follower{})
	a.conversions.Store(&map[string]*conversion{})
	a.server = proxy.New(proxy.Config{
		Live: &a.live, Process: &a.process, NoRoute: a.noRoute, Sweeper: &a.sweeper, Panicked: a.panicked, Refused: a.refused(),
	})
	h2.New(a.server)
	if err := a.open(cfg); err != nil {
		a.close()
		return nil, err
	}
	a.logWarnings(findings)
	a.reloads.succeeded(time.Now())
	return a, nil
}

// open takes the state folder and the sockets, and puts the first table in force. What a process has that is taken over comes later.
func (a *App) open(cfg *config.Config) error {
	var taken *file.InUse
	if err := a.takeState(cfg); err != nil && (!a.Takeover || !errors.As(err, &taken)) {
		return err
	}
	if taken != nil {
		a.Log.Info("following the process before this one until it ends", zap.Int("pid", taken.PID), zap.String("state", cfg.State.Dir))
	}
	if err := a.openAdmin(cfg); err != nil && (!a.Takeover || !errors.Is(err, errTaken)) {
		return err
	}
	_, err := a.change(cfg)
	a.disown()
	return err
}

// takeState takes the state folder; *file.InUse when another process has it.
func (a *App) takeState(cfg *config.Config) error {
	s, err := file.Open(cfg.State.Dir)
	if err != nil {
		return err
	}
	a.store = s
	a.journal = rollout.OpenJournal(cfg.State.Dir)
	a.blocks = rollout.OpenBlocks(cfg.State.Dir, a.Log)
	a.writeJournal()
	return nil
}

// openAdmin opens the admin address; errTaken when another process has it.
func (a *App) openAdmin(cfg *config.Config) error {
	l := a.inherited.take("admin", cfg.Admin.Address)
	if l == nil {
		var err error
		if l, err = listen("admin", cfg.Admin.Address); err != nil {
			return err
		}
	}
	s, err := a.newAdmin(cfg, l)
	if err != nil {
		_ = l.Close()
		return err
	}
	a.admin = s
	return nil
}

// writeJournal starts the writers of the journal and of the block logs, which are ended last: after the decisions that the end brings.
func (a *App) writeJournal() {
	ctx, stop := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	a.endJournal = func() { stop(); writers.Wait() }
	writers.Go(func() {
		if err := a.journal.Run(ctx); err != nil {
			a.Log.Warn("the journal's last lines were not written", zap.Error(err))
		}
	})
	writers.Go(func() {
		if err := a.blocks.Run(ctx); err != nil {
			a.Log.Warn("the last blocks of the block log were not written", zap.Error(err))
		}
	})
}

// close gives back what open took.
func (a *App) close() {
	for _, l := range a.listeners {
		_ = l.Close()
	}
	secured{}.adopt(a.secured)
	a.secured = nil
	a.keyring.adopt(keyring{})
	a.door.close()
	a.adoptRequestLog(nil)
	for _, b := range a.backends.running {
		stopAll([]*runningBackend{b})
	}
	a.giveUpState()
}

// giveUpState ends the controllers, the last state and the journal are written, and lets go of the folder: another process may take it.
func (a *App) giveUpState() {
	for _, p := range *a.parts.Load() {
		p.hush()
		p.unsample()
		p.stop()
		<-p.done
	}
	if a.store != nil {
		a.endJournal()
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
		AllowedHosts: cfg.Admin.AllowedHosts, Flags: featureFlags{a}, AccessLogDropped: a.AccessLogDropped, JournalErrors: a.journal.WriteErrors, Pending: a.pending, Log: a.Log,
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
	startAdmin := func() {
		server := a.admin
		helpers.Go(func() { adminErr = server.Run(background) })
	}
	a.mu.Lock()
	if a.admin != nil {
		startAdmin()
	}
	if a.Takeover {
		helpers.Go(func() { a.takeOver(ctx, startAdmin) })
	}
	a.running = true
	a.serve(a.listeners)
	addresses := a.addresses()
	a.mu.Unlock()
	a.ready.Store(true)
	a.Log.Info("ready", zap.Strings("listeners", addresses), zap.String("admin", a.config.Load().Admin.Address))
	a.notify("READY=1")

	<-ctx.Done()
	a.drain(force)
	a.mu.Lock()
	a.close()
	a.mu.Unlock()
	stop()
	helpers.Wait()
	return adminErr
}

// handover is how long a process that ends still takes what is on its way to it, telling every client to go on elsewhere.
const handover = 500 * time.Millisecond

// drain ends the data plane in order. The state is given up meanwhile: nothing is decided any more, and who takes over may begin.
func (a *App) drain(force context.Context) {
	a.ready.Store(false)
	a.leaving.Store(true)
	a.notify("STOPPING=1")
	timeout := a.config.Load().ShutdownTimeout
	a.Log.Info("draining", zap.Duration("shutdownTimeout", timeout))
	a.mu.Lock()
	a.running, a.draining = false, true
	a.mu.Unlock()
	var control sync.WaitGroup
	defer control.Wait()
	control.Go(a.giveUpState)
	patience, cancel := context.WithTimeout(force, timeout)
	defer cancel()
	a.stopAccepting(patience)
	if err := a.server.Shutdown(patience); err != nil {
		why := "they did not finish within shutdownTimeout"
		if force.Err() != nil {
			why = "a second signal forced the end"
		}
		a.Log.Warn("requests were cut: "+why, zap.Duration("shutdownTimeout", timeout))
	}
}

// stopAccepting closes the sockets, after a while in which each answer says that it is the last of its connection.
func (a *App) stopAccepting(ctx context.Context) {
	a.server.Retire()
	select {
	case <-time.After(handover):
	case <-ctx.Done():
	}
	for _, l := range a.listeners {
		_ = l.Close()
	}
	a.accepting.Wait()
}

func (a *App) notify(state string) {
	if a.Notify != nil {
		a.Notify(state)
	}
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
