package proxy

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/metrics"
	"sluice/router"
	"sluice/sock"
)

// Config is what a Server is made of; all of it is needed.
type Config struct {
	// Live is the table in force; every request loads it once.
	Live *router.Live
	// Process counts what belongs to no route, NoRoute the requests that none matched.
	Process *metrics.Process
	NoRoute *metrics.Meter
	// Sweeper watches all connections, to clients and to backends. Who made it runs it.
	Sweeper *sock.Sweeper
	// Panicked is told of a bug that a request met, with the stack. The request is answered with 502.
	Panicked func(value any, stack []byte)
	// Refused is told why a connection came to nothing before its first request; nil is nobody.
	Refused func(listener string, err error)
}

// HTTP2 is who speaks HTTP/2: proxy/h2.
type HTTP2 interface {
	// Serve takes a connection over, at the beginning of the preface (RFC 9113, section 3.4). Each request goes to Server.Exchange; the
	// connection's end to Listener.Leave.
	Serve(l *Listener, c net.Conn)
	// Shutdown tells the clients that no further request is taken, and returns when their connections have ended, or at ctx's end.
	Shutdown(ctx context.Context)
}

// SpeakHTTP2 gives connections of HTTP/2 to h, before Serve.
func (s *Server) SpeakHTTP2(h HTTP2) { s.http2 = h }

// Server carries requests from listeners to backends.
type Server struct {
	Config
	next     atomic.Uint32 // connection numbers, for the meters' shards
	retiring atomic.Bool   // answers are the last of their connections
	draining atomic.Bool   // and no further request is waited for
	forced   atomic.Bool   // what is under way is cut: nobody is to blame for that

	// http2 takes connections on which HTTP/2 is spoken; set before Serve.
	http2 HTTP2

	copies copyGroup

	mu       sync.Mutex
	clients  map[*client]struct{}
	arriving map[net.Conn]struct{} // of which it is not known yet what will be spoken
	ended    []chan struct{}       // closed when there is no client left
}

// New makes a server. It carries nothing before Serve.
func New(c Config) *Server {
	return &Server{Config: c, clients: map[*client]struct{}{}, arriving: map[net.Conn]struct{}{}}
}

// Serve takes connections from l until it is closed, and then returns nil.
func (s *Server) Serve(l *Listener) error {
	for wait := time.Millisecond; ; {
		nc, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil: // no descriptors left, say: connections that end make room
			time.Sleep(wait)
			wait = min(2*wait, time.Second)
			continue
		}
		wait = time.Millisecond
		if !l.front.Load().plain() {
			go s.receive(l, nc)
			continue
		}
		if !l.admit(peerOf(nc)) {
			s.Process.ClientError(metrics.ClientTooManyConnections)
			_ = nc.Close()
			continue
		}
		s.start(l, nc)
	}
}

func (s *Server) start(l *Listener, nc net.Conn) {
	c := newClient(s, l, nc)
	s.mu.Lock()
	s.clients[c] = struct{}{}
	s.mu.Unlock()
	go c.serve()
}

const (
	// lookEvery is how often connections that wait are looked after.
	lookEvery = time.Second
	// renewedAtOnce is how many of them go on with a new goroutine then: some milliseconds of work, however many there are.
	renewedAtOnce = 1000
)

// Run looks after connections that wait for a request, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var waiting []*client
	renewed := 0 // since memory was given back
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		waiting = waiting[:0]
		s.each(func(c *client) { waiting = append(waiting, c) })
		old := waiting[:0]
		for _, c := range waiting { // not under the lock: new connections need it
			if c.look() {
				old = append(old, c)
			}
		}
		renewed += renew(old)
		if len(old) == 0 && renewed >= renewedAtOnce {
			// The stacks of so many stay with the process until the next collection, two minutes at most, and a while more.
			debug.FreeOSMemory()
			renewed = 0
		}
		clear(waiting)
	}
}

// renew lets connections that wait long go on with new goroutines, and says how many. Those that came one after the other have stacks
// side by side, so they are let go together: in any other order 10 000 held 12 MiB more in between than before.
func renew(old []*client) int {
	slices.SortFunc(old, func(a, b *client) int { return cmp.Compare(a.shard, b.shard) })
	old = old[:min(len(old), renewedAtOnce)]
	for _, c := range old {
		c.nudge()
	}
	return len(old)
}

// gone takes a connection that has ended out of the books.
func (s *Server) gone(c *client) {
	if c.stream == nil {
		c.listener.leave(c.peer)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.clients, c); len(s.clients) > 0 {
		return
	}
	for _, done := range s.ended {
		close(done)
	}
	s.ended = nil
}

// empty is closed when there is no client.
func (s *Server) empty() <-chan struct{} {
	done := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) == 0 {
		close(done)
	} else {
		s.ended = append(s.ended, done)
	}
	return done
}

// Retire makes every answer from now on the last of its connection, and says so to the client: one that goes on gets another connection,
// and none is closed under a request that is on its way.
func (s *Server) Retire() { s.retiring.Store(true) }

// Shutdown ends idle connections, lets requests under way finish, and cuts those that ctx does not wait for: then it returns ctx's
// error. The listeners have to be closed before.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Retire()
	s.draining.Store(true)
	s.turnAway()
	s.each((*client).nudge)
	others := make(chan struct{})
	go func() {
		defer close(others)
		if s.http2 != nil {
			s.http2.Shutdown(ctx)
		}
	}()
	defer func() { <-others; s.copies.end() }()
	done := s.empty()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.forced.Store(true)
	for {
		s.Sweeper.CutAll() // those to backends too: a request may wait for either side
		select {
		case <-done:
			return ctx.Err()
		case <-time.After(forceAgain): // a connection was being made, perhaps
		}
	}
}

// forceAgain is how often a forced end cuts what has come up meanwhile.
const forceAgain = 50 * time.Millisecond

func (s *Server) each(f func(*client)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		f(c)
	}
}

// caught turns a panic into what Panicked is told; it is deferred.
func (s *Server) caught(then func()) {
	if v := recover(); v != nil {
		s.Process.Panicked()
		s.Panicked(v, debug.Stack())
		then()
	}
}

// peerOf is the address at the other end; invalid when it is no IP address.
func peerOf(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok && a != nil {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
