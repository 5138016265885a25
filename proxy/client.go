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
	tcp      *net.TCPConn // nil when it is something else
	in       inbound
	peer     netip.Addr
	peerText string
	shard    uint32 // of the meters
	// rest says who may end the connection between two requests: see dismiss.
	rest atomic.Int32
	// last is when the last request ended: the idle time counts from there.
	last metrics.Instant
}

const (
	busy       = iota
	resting    // waiting for a request
	dismissing // being told
	dismissed  // told to end when no request has come
)

func newClient(s *Server, l *Listener, nc net.Conn) *client {
	c := &client{server: s, listener: l, sock: s.Sweeper.Add(nc), peer: peerOf(nc), shard: s.next.Add(1), last: metrics.Now()}
	c.peerText = c.peer.String()
	var raw syscall.RawConn
	if tcp, ok := nc.(*net.TCPConn); ok {
		c.tcp = tcp
		raw, _ = tcp.SyscallConn()
	}
	c.in.bind()
	c.in.open(c.sock, raw)
	return c
}

// serve carries one request after the other until one of both sides has had enough.
func (c *client) serve() {
	defer func() {
		c.in.release()
		_ = c.sock.Close()
		c.server.gone(c)
	}()
	for c.ready() && c.request() {
	}
}

// ready waits for the first byte of the next request.
func (c *client) ready() bool {
	if c.in.lo < c.in.hi {
		return true // sent together with the last one
	}
	if !c.sock.Expire(after(c.last, c.listener.front.Load().Limits.IdleTimeout)) {
		return false
	}
	c.rest.Store(resting)
	if c.server.draining.Load() {
		return false
	}
	err := c.in.await()
	if !c.rest.CompareAndSwap(resting, busy) {
		for c.rest.Load() == dismissing {
			runtime.Gosched()
		}
		_ = c.sock.SetReadDeadline(time.Time{}) // dismissed just as a request came: it is the last
	}
	return err == nil
}

// dismiss ends a connection that waits for a request. Its goroutine is woken, not cut: a request that came at the same moment is
// still answered.
func (c *client) dismiss() {
	if c.rest.CompareAndSwap(resting, dismissing) {
		_ = c.sock.SetReadDeadline(time.Unix(1, 0))
		c.rest.Store(dismissed)
	}
}

// request carries one request, and says whether the connection can take another.
func (c *client) request() (again bool) {
	x := newExchange(c)
	defer c.server.caught(func() { again = x.panicked() })
	again = x.run()
	parting := x.parting
	x.free()
	if parting {
		c.linger()
	}
	return again
}

const (
	lingerTime  = 2 * time.Second
	lingerBytes = 256 << 10
)

// linger says that nothing more is coming and reads on for a while: closing a socket with unread bytes resets it, and a reset can
// destroy the answer before the client has read it.
func (c *client) linger() {
	if c.tcp == nil || c.tcp.CloseWrite() != nil || !c.sock.Expire(after(metrics.Now(), lingerTime)) {
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
