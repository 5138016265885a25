package proxy

import (
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"sluice/metrics"
	"sluice/sock"
)

// client is one connection of a client, served by one goroutine. What a request needs lies in an exchange, which is borrowed while
// there is one: an idle connection holds no buffer.
type client struct {
	server   *Server
	listener *Listener
	sock     *sock.Sock
	tcp      *net.TCPConn // at the bottom; nil when it is something else
	tls      bool
	stream   Stream // of HTTP/2, for one request; nil for a connection
	proto    string // http or https
	in       inbound
	peer     netip.Addr
	peerText string
	shard    uint32 // of the meters
	// rest says who may wake the connection between two requests: see nudge.
	rest atomic.Int32
	// looked is the expiry of the idle period in which Server.Run looked; it belongs to that.
	looked metrics.Instant
	// stretched says that a request has made the goroutine's stack grow, which stays so: see look.
	stretched atomic.Bool
	// last is when the last request ended: the idle time counts from there.
	last metrics.Instant

	// What follows is between serve and turn, which the poller calls with the descriptor.
	turnFn func(fd uintptr) bool
	fd     uintptr   // of the turn under way, else 0: then raw system calls may be made on it
	begun  *exchange // a request that has to be read on, which no turn can do
	over   bool      // no further request is taken
	renew  bool      // another goroutine is to go on
	// parting says that the connection ends and the client may still be sending.
	parting bool
}

// The states of rest.
const (
	busy    = iota
	resting // waiting for a request
	waking  // a past read deadline is being set
	woken   // it is set
)

func newClient(s *Server, l *Listener, nc net.Conn) *client {
	c := &client{server: s, listener: l, sock: s.Sweeper.Add(nc), peer: peerOf(nc), shard: s.next.Add(1), last: metrics.Now()}
	c.peerText, c.proto = c.peer.String(), "http"
	var raw syscall.RawConn
	if tcp, ok := nc.(*net.TCPConn); ok {
		c.tcp = tcp
		raw, _ = tcp.SyscallConn()
	} else {
		c.wrapped(nc)
	}
	c.in.bind()
	c.in.open(c.sock, raw)
	c.turnFn = c.turn
	return c
}

// serve carries one request after the other until one of both sides has had enough, or another goroutine goes on.
func (c *client) serve() {
	for !c.over {
		if c.in.raw == nil {
			c.serveOne()
		} else if c.serveTurns(); c.renew {
			c.renew = false
			c.stretched.Store(false)
			go c.serve()
			return
		}
	}
	if c.parting {
		c.linger()
	}
	c.in.release()
	_ = c.sock.Close()
	c.server.gone(c)
}

// serveTurns stays inside the poller for as long as requests arrive whole, and leaves it for one that does not: reading on takes a
// lock that a turn holds.
func (c *client) serveTurns() {
	c.in.full = true // entering makes the poller forget: the first parking is after a read
	err := c.in.raw.Read(c.turnFn)
	switch {
	case c.begun != nil:
		x := c.begun
		c.begun = nil
		c.over = !c.carry(x)
	case c.over:
	case err != nil:
		// Whoever woke it wanted it to look again, or to end.
		c.over = !c.awake() || c.server.draining.Load()
		c.renew = !c.over && c.stretched.Load()
	}
}

// serveOne waits for a request and carries it, where there is no poller to stay in.
func (c *client) serveOne() {
	if c.in.empty() {
		if !c.park() {
			c.over = true
			return
		}
		err := c.in.fillFirst()
		if woken := c.awake(); err != nil {
			c.over = !woken || c.server.draining.Load()
			return
		}
	}
	c.over = !c.carry(newExchange(c))
}

// turn carries the requests that have arrived whole, and then parks. It is called by the poller: at once, when nothing may have
// arrived, and then whenever something may have. After a request it parks without a read (one system call less): whatever has arrived
// since the last one is a new edge, unless that one filled the buffer. Never does it read but through tryRead: the lock that others
// need for it is held.
func (c *client) turn(fd uintptr) (leave bool) {
	c.fd = fd
	leave = c.takeTurn(fd)
	c.fd = 0
	return leave
}

func (c *client) takeTurn(fd uintptr) (leave bool) {
	c.awake()
	for {
		if c.in.empty() {
			switch err := c.in.tryRead(fd); {
			case err == syscall.EAGAIN:
				c.over = !c.park()
				return c.over
			case err != nil:
				c.over = true
				return true
			}
		}
		x := newExchange(c)
		if !x.arrivedWhole() {
			c.begun = x
			return true
		}
		if !c.carry(x) {
			c.over = true
			return true
		}
		if c.in.empty() && !c.in.full {
			c.in.release()
			c.over = !c.park()
			return c.over
		}
	}
}

// park makes the connection one that waits for a request; false when it has to end instead.
func (c *client) park() bool {
	if !c.sock.Expire(after(c.last, c.listener.front.Load().Limits.IdleTimeout)) {
		return false
	}
	c.rest.Store(resting)
	return !c.server.draining.Load()
}

// awake ends the waiting, and says whether somebody else has ended it: then the past deadline which that took is cleared.
func (c *client) awake() (woken bool) {
	if c.rest.Load() == busy || c.rest.CompareAndSwap(resting, busy) {
		return false
	}
	for c.rest.Load() == waking {
		runtime.Gosched()
	}
	_ = c.sock.SetReadDeadline(time.Time{})
	c.rest.Store(busy)
	return true
}

// nudge wakes a connection that waits for a request, and only such a one. Its goroutine looks for a request that has come meanwhile,
// and ends when there is none and the server drains.
func (c *client) nudge() {
	if c.rest.CompareAndSwap(resting, waking) {
		c.sock.StopReads()
		c.rest.Store(woken)
	}
}

// look finds what a parked connection may have missed: an end that came together with the last request is no edge of its own. It looks
// once in an idle period. At a later look it says whether the connection, which waits long, should go on with a new goroutine: a stack
// that a request has made grow stays at 4 KiB. Of 10 000 connections that have asked once and wait, 20 MiB come back.
func (c *client) look() (renew bool) {
	expiry := c.sock.Expiry()
	if c.in.raw == nil || c.rest.Load() != resting {
		return false
	}
	if expiry == c.looked {
		return c.stretched.Load()
	}
	c.looked = expiry
	silent := true
	if c.in.raw.Control(func(fd uintptr) { silent = sock.Silent(fd) }) == nil && !silent {
		c.nudge()
	}
	return false
}

// carry carries one request, and says whether the connection can take another.
func (c *client) carry(x *exchange) (again bool) {
	defer c.server.caught(func() { again = x.panicked() })
	if !c.stretched.Load() {
		c.stretched.Store(true)
	}
	again = x.run()
	c.parting = x.parting
	x.free()
	return again
}

const (
	lingerTime  = 2 * time.Second
	lingerBytes = 256 << 10
)

// linger says that nothing more is coming and reads on for a while: closing a socket with unread bytes resets it, and a reset can
// destroy the answer before the client has read it.
func (c *client) linger() {
	if c.tcp == nil || c.closeWrite() != nil || !c.sock.Expire(after(metrics.Now(), lingerTime)) {
		return
	}
	for n := 0; n < lingerBytes; {
		c.in.lo = c.in.hi
		if c.in.fill() != nil {
			return
		}
		n += c.in.hi - c.in.lo
	}
}

// reset makes the client see that an answer is not whole: an end alone would be its proper end for HTTP/1.0.
func (c *client) reset() {
	if c.tcp != nil {
		_ = c.tcp.SetLinger(0)
	}
	if c.tls {
		_ = c.tcp.Close() // before the alert that says that all is well
	}
}

// after is d later; never for a d of 0.
func after(at metrics.Instant, d time.Duration) metrics.Instant {
	if d <= 0 {
		return 0
	}
	return at + metrics.Instant(d)
}

// sooner is the earlier of two instants of which 0 is never.
func sooner(a, b metrics.Instant) metrics.Instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
