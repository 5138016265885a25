// Package backend is one version of a service behind a route: its endpoints, their health, and the idle connections to them.
//
// It chooses an endpoint inside the backend and nothing else: which backend a request goes to is the selector's question, and health
// never changes that draw. Start at Backend.Pick, then pool.go and health.go.
package backend

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"sluice/metrics"
	"sluice/sock"
)

// Balancing is how an endpoint is chosen inside a backend.
type Balancing uint8

// The ways to choose an endpoint.
const (
	LeastRequest Balancing = iota // the less busy of two random choices
	RoundRobin
	Random
)

// Config describes one backend. Durations of zero mean no limit, except ConnectTimeout, which has to be positive.
type Config struct {
	Name, Version  string
	Endpoints      []string    // http://host:port; https negotiates the version of HTTP, h2c is HTTP/2 without TLS
	TLS            *tls.Config // for https; nil is the system's authorities and the endpoint's own name
	Balancing      Balancing
	ConnectTimeout time.Duration
	Timeouts       Timeouts
	MaxIdle        int           // idle connections kept for each endpoint
	MaxOpen        int           // connections to each endpoint at one time; 0 is no limit
	IdleTimeout    time.Duration // how long an idle connection is kept
	Health         *HealthCheck  // nil: every endpoint counts as healthy
	Sweeper        *sock.Sweeper // watches the connections
}

// Timeouts are how long a request waits for the backend; zero is for ever.
type Timeouts struct {
	FirstByte time.Duration // from the request's last byte to the answer's first
	Idle      time.Duration // between two bytes of the answer
}

// Backend is safe for use by many goroutines; all but its counters is fixed when it is made.
type Backend struct {
	name, version string
	balancing     Balancing
	timeouts      Timeouts
	health        *HealthCheck
	endpoints     []*Endpoint
	next          atomic.Uint64 // round robin's place
	known         chan struct{} // closed when every endpoint has been asked once
}

// Endpoint is one address of a backend.
type Endpoint struct {
	url, address, host string
	healthy            atomic.Bool
	inFlight           atomic.Int64
	pool               pool
	streams            streams
	secure             *tls.Config // nil without TLS
	http2              *http2      // nil where HTTP/2 is never spoken
}

// New makes a backend. An error names the endpoint that can't be used.
func New(c Config) (*Backend, error) {
	if len(c.Endpoints) == 0 {
		return nil, fmt.Errorf("backend %q has no endpoint", c.Name)
	}
	b := &Backend{name: c.Name, version: c.Version, balancing: c.Balancing, timeouts: c.Timeouts, health: c.Health, known: make(chan struct{})}
	for _, raw := range c.Endpoints {
		e, err := newEndpoint(raw, c)
		if err != nil {
			return nil, fmt.Errorf("backend %q: %w", c.Name, err)
		}
		b.endpoints = append(b.endpoints, e)
	}
	return b, nil
}

func newEndpoint(raw string, c Config) (*Endpoint, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "h2c" || u.Hostname() == "" {
		return nil, fmt.Errorf("endpoint %q is not of the form http://host:port", raw)
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	e := &Endpoint{url: raw, host: u.Host, address: net.JoinHostPort(u.Hostname(), port)}
	e.pool.maxIdle, e.pool.maxOpen, e.pool.ttl, e.pool.sweeper = c.MaxIdle, int64(c.MaxOpen), c.IdleTimeout, c.Sweeper
	e.pool.dial.Timeout = c.ConnectTimeout
	if u.Scheme != "http" {
		e.speak(u, c.TLS)
	}
	e.healthy.Store(true)
	return e, nil
}

// Name is the backend's name in the configuration.
func (b *Backend) Name() string { return b.name }

// Version is the text of the backend's version, as written.
func (b *Backend) Version() string { return b.version }

// Timeouts are how long a request waits for this backend.
func (b *Backend) Timeouts() Timeouts { return b.timeouts }

// InFlight is the number of requests at all endpoints now.
func (b *Backend) InFlight() int64 {
	var n int64
	for _, e := range b.endpoints {
		n += e.inFlight.Load()
	}
	return n
}

// Endpoints are the backend's addresses, in the order of the configuration.
func (b *Backend) Endpoints() []*Endpoint { return b.endpoints }

// Available says whether some endpoint is healthy.
func (b *Backend) Available() bool {
	for _, e := range b.endpoints {
		if e.healthy.Load() {
			return true
		}
	}
	return false
}

// Known is closed when Run has asked every endpoint once, so that Available is more than a hope.
func (b *Backend) Known() <-chan struct{} { return b.known }

// Pick chooses a healthy endpoint, using the random number draw; nil when there is none.
func (b *Backend) Pick(draw uint64) *Endpoint {
	n := uint64(len(b.endpoints))
	if n == 1 {
		return b.endpoints[0].ifHealthy()
	}
	if b.balancing == RoundRobin {
		return b.from(b.next.Add(1) % n)
	}
	first := b.from((draw & 0xffffffff) % n)
	if b.balancing == Random || first == nil {
		return first
	}
	second := b.from((draw >> 32) % n)
	if second != nil && second.inFlight.Load() < first.inFlight.Load() {
		return second
	}
	return first
}

// from is the first healthy endpoint at or after place i.
func (b *Backend) from(i uint64) *Endpoint {
	n := uint64(len(b.endpoints))
	for k := range n {
		if e := b.endpoints[(i+k)%n].ifHealthy(); e != nil {
			return e
		}
	}
	return nil
}

// pruneEvery is how often connections that have been idle for too long are looked for.
const pruneEvery = time.Second

// Run checks the endpoints' health and prunes idle connections until ctx ends, then closes all that are idle.
func (b *Backend) Run(ctx context.Context) error {
	var checks, asked sync.WaitGroup
	if b.health != nil {
		for _, e := range b.endpoints {
			asked.Add(1)
			checks.Go(func() { b.health.watch(ctx, e, asked.Done) })
		}
	}
	checks.Go(func() { asked.Wait(); close(b.known) })
	b.prune(ctx)
	checks.Wait()
	for _, e := range b.endpoints {
		e.pool.close()
		if e.http2 != nil {
			e.http2.close()
		}
	}
	return nil
}

func (b *Backend) prune(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, e := range b.endpoints {
				e.pool.prune(metrics.Now())
			}
		}
	}
}

// URL is the endpoint as the configuration names it.
func (e *Endpoint) URL() string { return e.url }

// Host is the endpoint's authority, for a Host field.
func (e *Endpoint) Host() string { return e.host }

// Healthy is the verdict of the active health check; true where there is none.
func (e *Endpoint) Healthy() bool { return e.healthy.Load() }

// InFlight is the number of requests at the endpoint now.
func (e *Endpoint) InFlight() int64 { return e.inFlight.Load() }

// Begin counts a request in, End counts it out.
func (e *Endpoint) Begin() { e.inFlight.Add(1) }

// End counts a request out.
func (e *Endpoint) End() { e.inFlight.Add(-1) }

func (e *Endpoint) ifHealthy() *Endpoint {
	if e.healthy.Load() {
		return e
	}
	return nil
}
