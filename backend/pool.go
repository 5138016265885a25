package backend

import (
	"context"
	"net"
	"sync"
	"syscall"
	"time"
)

// Conn is a connection to an endpoint. It has one owner: the request that got it, or the pool while it is idle.
type Conn struct {
	net.Conn
	Reused bool // it has carried a request before

	raw     syscall.RawConn
	quiet   bool // what the last peek found
	peekFn  func(fd uintptr) bool
	idledAt time.Time // when it was put back
}

// pool keeps idle connections of one endpoint, the last used on top: the warmest is taken first, and the coldest run out of time.
type pool struct {
	max  int
	ttl  time.Duration
	dial net.Dialer

	mu     sync.Mutex
	idle   []*Conn
	closed bool
}

// Conn gives an idle connection on which the backend has said nothing since, or a new one. Connections found closed or talking out of
// turn are discarded on the way: what lies on them is the answer to nobody's request.
func (e *Endpoint) Conn(ctx context.Context, now time.Time) (*Conn, error) {
	for c := e.pool.take(); c != nil; c = e.pool.take() {
		if (e.pool.ttl == 0 || now.Sub(c.idledAt) < e.pool.ttl) && c.silent() {
			c.Reused = true
			return c, nil
		}
		_ = c.Close()
	}
	return e.Dial(ctx)
}

// Dial opens a new connection, past the idle ones.
func (e *Endpoint) Dial(ctx context.Context) (*Conn, error) {
	nc, err := e.pool.dial.DialContext(ctx, "tcp", e.address)
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: nc}
	if sc, ok := nc.(syscall.Conn); ok {
		if c.raw, err = sc.SyscallConn(); err != nil {
			_ = nc.Close()
			return nil, err
		}
	}
	c.peekFn = c.peek
	return c, nil
}

// Put gives a connection back after a whole exchange with no byte left over. It is closed when there are enough.
func (e *Endpoint) Put(c *Conn, now time.Time) {
	c.idledAt = now
	p := &e.pool
	p.mu.Lock()
	keep := !p.closed && len(p.idle) < p.max
	if keep {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if !keep {
		_ = c.Close()
	}
}

func (p *pool) take() *Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c
}

func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		_ = c.Close()
	}
}

// silent says that nothing has arrived on an idle connection: no byte, no end.
func (c *Conn) silent() bool {
	c.quiet = false
	if c.raw == nil || c.raw.Read(c.peekFn) != nil {
		return false
	}
	return c.quiet
}

// peek looks without taking. It always answers true: it must never wait.
func (c *Conn) peek(fd uintptr) bool {
	var one [1]byte
	_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	c.quiet = err == syscall.EAGAIN
	return true
}
