package backend

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sluice/metrics"
	"sluice/sock"
)

// ErrBusy says that an endpoint has as many connections as it may have.
var ErrBusy = errors.New("the endpoint has as many connections as it may have")

// Conn is a connection to an endpoint. It has one owner: the request that got it, or the pool while it is idle.
type Conn struct {
	*sock.Sock
	Reused bool // it has carried a request before

	endpoint *Endpoint
	raw      syscall.RawConn // nil where what arrives is no message yet (TLS), and in memory
	below    syscall.RawConn // of the socket at the bottom; nil in memory
	memory   *memory         // the other end, where that is a stream of HTTP/2; else nil
	idledAt  metrics.Instant // when it was put back
	streams  bool            // it is among the endpoint's streams; the owner's
	// dismissed says that CutStreams has cut it.
	dismissed atomic.Bool
}

// pool keeps idle connections of one endpoint, the last used on top: the warmest is taken first, and the coldest run out of time.
type pool struct {
	maxIdle int
	maxOpen int64 // 0: no limit
	ttl     time.Duration
	dial    net.Dialer
	within  func(context.Context) (net.Conn, error) // dials in place of dial; nil is TCP
	sweeper *sock.Sweeper
	open    atomic.Int64 // connections there are, idle and busy

	mu     sync.Mutex
	idle   []*Conn
	low    int // the fewest that were idle since the last prune
	closed bool
}

// Idle takes an idle connection, nil when there is none. The backend may have closed it or talked out of turn since: sock.Silent
// tells, and what lies on one that is not silent is the answer to nobody's request.
func (e *Endpoint) Idle(now metrics.Instant) *Conn {
	for c := e.pool.take(); c != nil; c = e.pool.take() {
		if !e.pool.cold(c, now) {
			c.Reused = true
			return c
		}
		_ = c.Close()
	}
	return nil
}

// Dial opens a new connection, past the idle ones. The error is ErrBusy where there are too many already.
func (e *Endpoint) Dial(ctx context.Context) (*Conn, error) { return e.dial(ctx, false) }

// DialUpgrade is Dial for a request that may become a tunnel, which of all versions HTTP/1.1 alone knows; an endpoint of h2c has none.
func (e *Endpoint) DialUpgrade(ctx context.Context) (*Conn, error) { return e.dial(ctx, true) }

func (e *Endpoint) dial(ctx context.Context, upgrade bool) (*Conn, error) {
	p := &e.pool
	if n := p.open.Add(1); p.maxOpen > 0 && n > p.maxOpen {
		p.open.Add(-1)
		return nil, ErrBusy
	}
	began := metrics.Now()
	c, err := e.open(ctx, upgrade)
	if err != nil && p.stoodStill(ctx, err, began) {
		c, err = e.open(ctx, upgrade)
	}
	if err != nil {
		p.open.Add(-1)
		return nil, err
	}
	return c, nil
}

func (e *Endpoint) open(ctx context.Context, upgrade bool) (*Conn, error) {
	if e.secure != nil || e.http2 != nil {
		return e.dialSecure(ctx, upgrade && e.secure != nil)
	}
	nc, err := e.pool.connect(ctx, e.address)
	if err != nil {
		return nil, err
	}
	c := &Conn{Sock: e.pool.sweeper.Add(nc), endpoint: e}
	c.raw, c.below = rawOf(nc), rawOf(nc)
	return c, nil
}

func (p *pool) connect(ctx context.Context, address string) (net.Conn, error) {
	if p.within != nil {
		return p.within(ctx)
	}
	return p.dial.DialContext(ctx, "tcp", address)
}

// late is how much later than its time a timeout comes when it is not the endpoint's.
const late = 20 * time.Millisecond

// stoodStill says that connecting has failed by a timeout that came late: a process that was suspended, moved or starved finds its time
// over when it goes on, though the endpoint may have accepted long ago. Nothing has been sent, so another go harms nobody.
func (p *pool) stoodStill(ctx context.Context, err error, began metrics.Instant) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout() && ctx.Err() == nil && metrics.Now().Sub(began) > p.dial.Timeout+late
}

// Crowded says that half of the connections that there may be are busy: what can be left undone leaves the rest to others.
func (e *Endpoint) Crowded() bool {
	p := &e.pool
	if p.maxOpen == 0 {
		return false
	}
	p.mu.Lock()
	idle := int64(len(p.idle))
	p.mu.Unlock()
	return 2*(p.open.Load()-idle) >= p.maxOpen
}

// rawOf is the descriptor of a connection, where it has one.
func rawOf(nc net.Conn) syscall.RawConn {
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// Raw lets the owner wait for bytes without a buffer; nil where that can't be done.
func (c *Conn) Raw() syscall.RawConn { return c.raw }

// Close closes the connection. Its owner does so once.
func (c *Conn) Close() error {
	c.endpoint.streams.leave(c)
	c.endpoint.pool.open.Add(-1)
	return c.Sock.Close()
}

// Put gives a connection back after a whole exchange with no byte left over. More than MaxIdle are kept for a moment: with as many
// requests under way as come in waves, closing each surplus one would be a new connection for the next wave (at 1024 clients every
// tenth request). Those that no wave has needed for a second are closed by prune.
func (e *Endpoint) Put(c *Conn, now metrics.Instant) {
	e.streams.leave(c)
	c.idledAt = now
	p := &e.pool
	ok := c.Expire(0)
	p.mu.Lock()
	keep := ok && !p.closed && p.maxIdle > 0
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
	p.low = min(p.low, n-1)
	return c
}

// cold says that the connection has been idle for too long to be used again.
func (p *pool) cold(c *Conn, now metrics.Instant) bool {
	return p.ttl > 0 && now-c.idledAt >= metrics.Instant(p.ttl)
}

// prune closes what has been idle for too long, and what is more than MaxIdle and was not needed since the last time. Those that were
// used longest ago lie at the bottom.
func (p *pool) prune(now metrics.Instant) {
	p.mu.Lock()
	n := max(0, min(p.low, len(p.idle))-p.maxIdle)
	for n < len(p.idle) && p.cold(p.idle[n], now) {
		n++
	}
	var old []*Conn
	if n > 0 {
		old = append(old, p.idle[:n]...)
		kept := copy(p.idle, p.idle[n:])
		clear(p.idle[kept:])
		p.idle = p.idle[:kept]
	}
	p.low = len(p.idle)
	p.mu.Unlock()
	closeAll(old)
}

func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	closeAll(idle)
}

func closeAll(conns []*Conn) {
	for _, c := range conns {
		_ = c.Close()
	}
}

// MayBeStale says that an end without a byte of answer may have come before the request: the endpoint had closed a connection that it had
// kept. Of a stream of HTTP/2 more is known: what the endpoint resets it has seen.
func (c *Conn) MayBeStale() bool { return c.Reused && (c.memory == nil || c.memory.lost.Load()) }

// Silent says that nothing has arrived on an idle connection: no byte, no end.
func (c *Conn) Silent() bool {
	silent := false
	if c.below == nil {
		return c.memory != nil && c.memory.silent()
	}
	return c.below.Read(func(fd uintptr) bool { silent = sock.Silent(fd); return true }) == nil && silent
}
