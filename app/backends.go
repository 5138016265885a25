package app

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/backend"
	"sluice/config"
	"sluice/metrics"
	"sluice/router"
	"sluice/sock"
)

// backendName says which backend of which route.
type backendName struct{ route, backend string }

// runningBackend is a backend whose health is being checked.
type runningBackend struct {
	*backend.Backend
	config config.Backend
	stop   context.CancelFunc
	done   chan struct{}
}

// backends are those in force, with their meters. A reload keeps what has not changed: connections, health and counts.
type backends struct {
	sweeper *sock.Sweeper
	log     *zap.Logger
	running map[backendName]*runningBackend
	// idle says that none of them will run: then no name is looked up, and none is missed.
	idle bool

	mu     sync.Mutex // guards what follows: controllers ask for theirs while a reload adds others
	meters map[backendName]*metrics.Meter
	pairs  map[string]*router.Pair // of copies that are judged, by route
}

func newBackends(sweeper *sock.Sweeper, log *zap.Logger) *backends {
	return &backends{sweeper: sweeper, log: log, running: map[backendName]*runningBackend{}, meters: map[backendName]*metrics.Meter{}, pairs: map[string]*router.Pair{}}
}

// plan makes the backends of a configuration that are not running as they are described there. Nothing is started or stopped.
func (s *backends) plan(cfg *config.Config) (_ map[backendName]*runningBackend, err error) {
	next := map[backendName]*runningBackend{}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		for j := range r.Backends {
			name, c := backendName{r.Name, r.Backends[j].Name}, r.Backends[j]
			if old := s.running[name]; old != nil && reflect.DeepEqual(old.config, c) {
				next[name] = old
				continue
			}
			made := backendConfig(&c, s.sweeper)
			made.Looked, made.Trouble = s.looked(name), s.troubled(name)
			if s.idle {
				made.Endpoints = []string{"http://127.0.0.1"}
			}
			var err error
			if made.TLS, err = clientTLS(c.TLS); err != nil {
				return nil, fmt.Errorf("route %q, backend %q: %w", r.Name, c.Name, err)
			}
			b, err := backend.New(made)
			if err != nil {
				return nil, err
			}
			next[name] = &runningBackend{Backend: b, config: c}
		}
	}
	return next, nil
}

// looked logs a name that can't be looked up, and that it can again.
func (s *backends) looked(of backendName) func(string, error) {
	log := s.log.With(zap.String("route", of.route), zap.String("backend", of.backend))
	return func(name string, err error) {
		if err != nil {
			log.Warn("a name can't be looked up; its last addresses stay in use", zap.String("endpoint", name), zap.Error(err))
			return
		}
		log.Info("a name can be looked up again", zap.String("endpoint", name))
	}
}

// troubledEvery is how often it is logged that an endpoint can't be spoken to for one and the same reason; every request that meets it is
// counted.
const troubledEvery = 10 * time.Second

// troubled logs why an endpoint can't be spoken to.
func (s *backends) troubled(of backendName) func(string, error) {
	log := s.log.With(zap.String("route", of.route), zap.String("backend", of.backend))
	lines := &seldom{every: troubledEvery}
	return func(endpoint string, err error) {
		reason, _, _ := strings.Cut(err.Error(), ": current time") // which is another one each time
		if others, ok := lines.allows(endpoint+" "+reason, time.Now()); ok {
			log.Warn("an endpoint can't be spoken to", zap.String("endpoint", endpoint), zap.Error(err), zap.Int("others since the last line", others))
		}
	}
}

// adopt starts what plan has made and returns what is no longer used, to be stopped when no request is sent to it any more.
func (s *backends) adopt(next map[backendName]*runningBackend) (unused []*runningBackend) {
	for name, b := range s.running {
		if next[name] != b {
			unused = append(unused, b)
		}
	}
	var fresh []*runningBackend
	for _, b := range next {
		if b.done == nil {
			b.start()
			fresh = append(fresh, b)
		}
	}
	awaitHealth(fresh)
	s.mu.Lock()
	maps.DeleteFunc(s.meters, func(name backendName, _ *metrics.Meter) bool { return next[name] == nil })
	routes := map[string]bool{}
	for name := range next {
		routes[name.route] = true
	}
	maps.DeleteFunc(s.pairs, func(route string, _ *router.Pair) bool { return !routes[route] })
	s.mu.Unlock()
	s.running = next
	return unused
}

// namePatience is how long names are waited for at the start and at a reload.
const namePatience = 2 * time.Second

// awaitHealth waits until the new backends' names have been looked up and their health has been asked once, so that nobody is sent, and no rollout started, to one that is
// down; a check that hangs is not waited for longer than its timeout.
func awaitHealth(fresh []*runningBackend) {
	const margin = 100 * time.Millisecond
	begin := time.Now()
	for _, b := range fresh {
		patience := margin
		if b.config.HealthCheck != nil {
			patience += b.config.HealthCheck.Timeout
		} else if !b.Named() {
			continue
		}
		if b.Named() {
			patience += namePatience
		}
		select {
		case <-b.Known():
		case <-time.After(patience - time.Since(begin)):
		}
	}
}

// meter is the one of that name, made when it is first asked for.
func (s *backends) meter(name backendName) *metrics.Meter {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.meters[name]
	if m == nil {
		m = metrics.New(metrics.Config{Blocks: true})
		s.meters[name] = m
	}
	return m
}

// pair is where a route's copies are compared with their originals, made when it is first asked for.
func (s *backends) pair(route string) *router.Pair {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pairs[route] == nil {
		s.pairs[route] = &router.Pair{Copies: metrics.New(metrics.Config{Blocks: true}), Originals: metrics.New(metrics.Config{Blocks: true})}
	}
	return s.pairs[route]
}

func (b *runningBackend) start() {
	ctx, stop := context.WithCancel(context.Background())
	b.stop, b.done = stop, make(chan struct{})
	go func() {
		defer close(b.done)
		_ = b.Run(ctx)
	}()
}

func stopAll(list []*runningBackend) {
	for _, b := range list {
		b.stop()
	}
	for _, b := range list {
		<-b.done
	}
}

func backendConfig(c *config.Backend, sweeper *sock.Sweeper) backend.Config {
	out := backend.Config{
		Name: c.Name, Version: c.Version, Endpoints: c.Endpoints, Sweeper: sweeper,
		ConnectTimeout: c.Timeouts.Connect, SlowStart: c.SlowStart,
		Timeouts: backend.Timeouts{FirstByte: c.Timeouts.FirstByte, Idle: c.Timeouts.Idle},
		MaxIdle:  c.Connections.MaxIdlePerEndpoint, MaxOpen: c.Connections.Max, IdleTimeout: c.Connections.IdleTimeout,
	}
	switch c.LoadBalancing {
	case "roundRobin":
		out.Balancing = backend.RoundRobin
	case "random":
		out.Balancing = backend.Random
	case "consistentHash":
		out.Balancing = backend.ConsistentHash
	}
	if o := c.Outlier; o != nil {
		out.Outlier = &backend.Outlier{ConsecutiveErrors: o.ConsecutiveErrors, EjectFor: o.EjectFor, MaxEjected: uint32(o.MaxEjected)}
	}
	if h := c.HealthCheck; h != nil {
		out.Health = &backend.HealthCheck{
			Kind: checkKind(h.Type), Service: h.Service, Path: h.Path, Interval: h.Interval, Timeout: h.Timeout, UnhealthyAfter: h.UnhealthyAfter, HealthyAfter: h.HealthyAfter,
		}
	}
	return out
}

func checkKind(kind string) backend.CheckKind {
	switch kind {
	case "tcp":
		return backend.CheckTCP
	case "grpc":
		return backend.CheckGRPC
	}
	return backend.CheckHTTP
}
