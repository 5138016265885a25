// Package backend is one version of a service behind a route: its endpoints, their health, and the idle connections to them.
//
// It chooses an endpoint inside the backend and nothing else: which backend a request goes to is the selector's question, and health
// never changes that draw. Start at Backend.Pick, then members.go, pool.go and health.go.
package backend

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"sluice/sock"
)

// Balancing is how an endpoint is chosen inside a backend.
type Balancing uint8

// The ways to choose an endpoint.
const (
	LeastRequest Balancing = iota // the less busy of two random choices
	RoundRobin
	Random
	ConsistentHash // one endpoint for each key, as long as the endpoint is there
)

// Config describes one backend. Durations of zero mean no limit, except ConnectTimeout, which has to be positive.
type Config struct {
	Name, Version string
	// Endpoints are http://host:port; https negotiates the version of HTTP, h2c is HTTP/2 without TLS. A name is looked up again and
	// again, and stands for all its addresses; dns+srv://name stands for the hosts and ports that its SRV records name.
	Endpoints      []string
	TLS            *tls.Config // for https; nil is the system's authorities and the endpoint's own name
	Balancing      Balancing
	ConnectTimeout time.Duration
	Timeouts       Timeouts
	MaxIdle        int           // idle connections kept for each endpoint
	MaxOpen        int           // connections to each endpoint at one time; 0 is no limit
	IdleTimeout    time.Duration // how long an idle connection is kept
	Health         *HealthCheck  // nil: every endpoint counts as healthy
	Outlier        *Outlier      // nil: failures of requests exclude no endpoint
	SlowStart      time.Duration // how long an endpoint that is back gets less than its share
	Sweeper        *sock.Sweeper // watches the connections
	// Dial opens connections in place of TCP's, for a backend in this process; nil is TCP.
	Dial func(context.Context) (net.Conn, error)

	// Resolver looks names up; nil is the system's. ResolveEvery is how often; 0 is 5 s.
	Resolver     *net.Resolver
	ResolveEvery time.Duration
	// Looked is told when a name can't be looked up, once, and when it can again, with a nil error. It may be nil.
	Looked func(name string, err error)
	// Trouble is told why an endpoint can't be spoken to: no TLS with it, or an answer that is none. It is told of each, by many goroutines,
	// and may be nil.
	Trouble func(endpoint string, err error)
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
	live          atomic.Pointer[members]
	next          atomic.Uint64 // round robin's place
	known         chan struct{} // closed when every endpoint has been asked once
	outlier       *outlier      // nil: nothing is excluded
	slowStart     time.Duration
	config        Config
	origins       []origin      // what the configuration names, in its order
	lookupsFailed atomic.Uint64 // names that could not be looked up
}

// members are the endpoints at one moment: those that requests go to, and those that only finish what they have.
type members struct{ here, leaving []*Endpoint }

// Endpoint is one address of a backend.
type Endpoint struct {
	url, address, host string
	// state is 0 for an endpoint that takes requests like any other, else the bits of pick.go.
	state    atomic.Uint32
	inFlight atomic.Int64
	pool     pool
	streams  streams
	backend  *Backend
	seed     uint64       // of its place among others, from its address
	record   *record      // of its failures; nil where none are excluded
	since    atomic.Int64 // of the slow start under way
	secure   *tls.Config  // nil without TLS
	http2    *http2       // nil where HTTP/2 is never spoken
}

// New makes a backend. An error names the endpoint that can't be used.
func New(c Config) (*Backend, error) {
	if len(c.Endpoints) == 0 {
		return nil, fmt.Errorf("backend %q has no endpoint", c.Name)
	}
	b := &Backend{
		name: c.Name, version: c.Version, balancing: c.Balancing, timeouts: c.Timeouts, health: c.Health, known: make(chan struct{}),
		slowStart: c.SlowStart, config: c,
	}
	if b.config.ResolveEvery == 0 {
		b.config.ResolveEvery = resolveEvery
	}
	if c.Outlier != nil {
		b.outlier = newOutlier(*c.Outlier)
	}
	first := &members{}
	for _, raw := range c.Endpoints {
		o, err := newOrigin(raw)
		if err != nil {
			return nil, fmt.Errorf("backend %q: %w", c.Name, err)
		}
		b.origins = append(b.origins, o)
		if o.fixed() {
			first.here = append(first.here, b.newEndpoint(raw, o.host, o.address()))
		}
	}
	b.live.Store(first)
	return b, nil
}

// newEndpoint makes an endpoint at an address, which name and url call something else where it was looked up.
func (b *Backend) newEndpoint(url, host, address string) *Endpoint {
	e := &Endpoint{url: url, host: host, address: address, backend: b, seed: xxhash.Sum64String(address)}
	if b.outlier != nil {
		e.record = new(record)
	}
	c := &b.config
	e.pool.maxIdle, e.pool.maxOpen, e.pool.ttl, e.pool.sweeper = c.MaxIdle, int64(c.MaxOpen), c.IdleTimeout, c.Sweeper
	e.pool.dial.Timeout, e.pool.within = c.ConnectTimeout, c.Dial
	if scheme, _, _ := strings.Cut(url, "://"); scheme != "http" {
		e.speak(scheme, hostname(host), c.TLS)
	}
	return e
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
	m := b.live.Load()
	for _, list := range [][]*Endpoint{m.here, m.leaving} {
		for _, e := range list {
			n += e.inFlight.Load()
		}
	}
	return n
}

// Endpoints are the backend's addresses now, in the order of the configuration. The list must not be written to.
func (b *Backend) Endpoints() []*Endpoint { return b.live.Load().here }

// Available says whether some endpoint is healthy. One that is only excluded for its failures counts: what it fails is judged.
func (b *Backend) Available() bool {
	for _, e := range b.Endpoints() {
		if e.Healthy() {
			return true
		}
	}
	return false
}

// Known is closed when Run has asked every endpoint once, so that Available is more than a hope.
func (b *Backend) Known() <-chan struct{} { return b.known }

// URL is the endpoint as the configuration names it.
func (e *Endpoint) URL() string { return e.url }

// Host is the endpoint's authority, for a Host field.
func (e *Endpoint) Host() string { return e.host }

// Healthy is the verdict of the active health check; true where there is none.
func (e *Endpoint) Healthy() bool { return e.state.Load()&sick == 0 }

// InFlight is the number of requests at the endpoint now.
func (e *Endpoint) InFlight() int64 { return e.inFlight.Load() }

// Begin counts a request in, End counts it out.
func (e *Endpoint) Begin() { e.inFlight.Add(1) }

// End counts a request out.
func (e *Endpoint) End() { e.inFlight.Add(-1) }
