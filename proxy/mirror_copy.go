package proxy

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"sluice/backend"
	"sluice/metrics"
	"sluice/router"
)

// mirrorCopy is a copy of a request on its way: whole, at one endpoint, with a goroutine of its own. It shares nothing with the request.
type mirrorCopy struct {
	server   *Server
	mirror   *router.Mirror
	endpoint *backend.Endpoint
	meter    *metrics.Meter // of the backend that gets it
	shard    uint32
	buf      []byte // head and body, ready to be sent
	held     int    // bytes of the mirror's room

	method   metrics.Method
	toHEAD   bool
	timeouts backend.Timeouts
	patience time.Duration // for all of it
	began    metrics.Instant
	deadline metrics.Instant
	arrival  metrics.Arrival
	// compared is where the copy is counted beside its original, as beside; nil is nowhere.
	compared *metrics.Meter
	beside   metrics.Arrival

	conn   *backend.Conn
	in     inbound
	answer answerHead
	reply  body
	spoke  bool
	run    func() // carry, bound once
}

const (
	// mirrorPatience is how long a copy may take where the route sets no time.
	mirrorPatience = 30 * time.Second
	// keptCopy is the largest buffer that is kept for the next copy.
	keptCopy = 16 << 10
)

var mirrorCopies = sync.Pool{New: func() any {
	c := new(mirrorCopy)
	c.in.bind()
	return c
}}

func newMirrorCopy(x *exchange, m *router.Mirror, e *backend.Endpoint, meter *metrics.Meter) *mirrorCopy {
	c := mirrorCopies.Get().(*mirrorCopy)
	c.server, c.mirror, c.endpoint, c.meter, c.shard = x.client.server, m, e, meter, x.client.shard
	c.method, c.toHEAD, c.held, c.conn, c.arrival = x.method, x.toHEAD, 0, nil, metrics.Arrival{}
	if c.run == nil {
		c.run = c.carry
	}
	if c.patience = x.route.Timeout; c.patience <= 0 {
		c.patience = mirrorPatience
	}
	return c
}

// free gives back what the copy holds.
func (c *mirrorCopy) free() {
	c.mirror.Room.Free(c.held)
	c.server, c.mirror, c.endpoint, c.meter, c.conn, c.compared = nil, nil, nil, nil, nil, nil
	if cap(c.buf) > keptCopy {
		c.buf = nil
	}
	mirrorCopies.Put(c)
}

// goOff starts the copy, if there is room for one more.
func (c *mirrorCopy) goOff(x *exchange) {
	if c.endpoint.Crowded() || !c.mirror.Room.Enter() {
		c.meter.Mirrored(metrics.MirrorDropped, c.shard)
		c.free()
		return
	}
	c.began = metrics.Now()
	c.deadline = after(c.began, c.patience)
	c.arrival = c.meter.Begin(c.began, metrics.Other, c.shard)
	x.comparable(c)
	go c.run()
}

// carry sends the copy and reads its answer, which nobody gets, to its end.
func (c *mirrorCopy) carry() {
	defer func() { c.mirror.Room.Leave(); c.free() }()
	defer c.server.caught(func() { c.discard(); c.end(metrics.Outcome{At: metrics.Now(), Void: true}) })
	if !c.server.copies.add(c) {
		c.done(failGone)
		return
	}
	defer c.server.copies.remove(c)
	f := c.attempt(false)
	if f != nil && f.stale && idempotent(c.method) {
		c.discard()
		f = c.attempt(true)
	}
	if f == nil {
		f = c.readAll()
	}
	c.done(f)
}

// done counts the copy out, and gives the connection back where nothing on it is in doubt.
func (c *mirrorCopy) done(f *failure) {
	now := metrics.Now()
	if conn := c.conn; f == nil && c.reply.done && !c.answer.close && c.in.empty() {
		c.letGo()
		c.endpoint.Put(conn, now)
	} else {
		c.discard()
	}
	o := metrics.Outcome{At: now, Failed: f != nil || c.answer.status >= 500}
	if f != nil {
		if o.Unreachable, o.Void = f.unreachable, f.blameless || f.stale || c.server.copies.ending(); !o.Void {
			c.meter.UpstreamError(f.kind)
		}
	}
	c.end(o)
	result := metrics.MirrorAnswered
	if o.Failed {
		result = metrics.MirrorFailed
	}
	c.meter.Mirrored(result, c.shard)
}

// end counts the copy out, once.
func (c *mirrorCopy) end(o metrics.Outcome) {
	c.meter.End(c.arrival, o)
	if c.compared != nil {
		c.compared.End(c.beside, o)
	}
}

// attempt sends the copy over one connection and reads until the head of the final answer is whole.
func (c *mirrorCopy) attempt(fresh bool) *failure {
	if f := c.connect(fresh); f != nil {
		return f
	}
	c.conn.Expire(sooner(after(metrics.Now(), c.timeouts.FirstByte), c.deadline))
	_, sent := c.conn.Write(c.buf) // what has answered and closed before it read all is read all the same
	for {
		if err := c.in.await(); err != nil {
			return c.silence()
		}
		f := c.scan()
		switch {
		case f != nil:
			return f
		case c.answer.status == 101:
			return failMalformed // nobody asked
		case !c.answer.interim():
			c.answer.close = c.answer.close || sent != nil
			return nil
		}
	}
}

// connect takes an idle connection that is fit, or opens one.
func (c *mirrorCopy) connect(fresh bool) *failure {
	c.spoke = false
	for !fresh {
		conn := c.endpoint.Idle(metrics.Now())
		if conn == nil {
			break
		}
		if conn.Silent() {
			return c.open(conn)
		}
		_ = conn.Close()
	}
	ctx, stop := context.WithTimeout(context.Background(), c.patience)
	defer stop()
	conn, err := c.endpoint.Dial(ctx)
	if err != nil {
		u := upstream{deadline: c.deadline}
		return u.unconnected(err)
	}
	return c.open(conn)
}

func (c *mirrorCopy) open(conn *backend.Conn) *failure {
	c.conn = conn
	c.in.open(conn.Sock, conn.Raw())
	if !c.server.copies.hold(c, conn) {
		return failGone
	}
	return nil
}

// scan reads a head of the answer.
func (c *mirrorCopy) scan() *failure {
	for {
		c.answer.fields = c.in.fields()
		n, err := c.answer.scan(c.in.unread(), answerLimits, c.toHEAD)
		c.in.keepFields(c.answer.fields)
		switch {
		case err != nil:
			return failMalformed
		case n > 0:
			c.in.use(n)
			c.spoke = true
			return nil
		}
		if err := c.in.fill(); err != nil {
			return c.broken(failReset)
		}
	}
}

// readAll reads the answer's body and forgets it. One without an end in sight is left at its head.
func (c *mirrorCopy) readAll() *failure {
	c.reply.start(c.answer.framing, c.answer.length)
	if c.answer.isEventStream() {
		return nil
	}
	for {
		_, used, err := c.reply.decode(c.in.unread())
		if err != nil {
			return failMalformed
		}
		c.in.use(used)
		if c.reply.done {
			return nil
		}
		if !c.conn.Expire(sooner(after(metrics.Now(), c.timeouts.Idle), c.deadline)) {
			return failTimeout
		}
		switch err := c.in.fill(); {
		case errors.Is(err, io.EOF) && c.reply.framing == untilClose:
			return nil
		case err != nil:
			return c.broken(failTruncated)
		}
	}
}

// silence is the failure of an answer of which no byte came.
func (c *mirrorCopy) silence() *failure {
	if !c.spoke && !c.conn.WasCut() && c.conn.MayBeStale() {
		return failStale
	}
	return c.broken(failReset)
}

// broken is a read that failed: because time was over, or as the kind says.
func (c *mirrorCopy) broken(otherwise *failure) *failure {
	if c.conn.WasCut() {
		return failTimeout
	}
	return otherwise
}

// failTruncated is an answer that ended early.
var failTruncated = &failure{kind: metrics.UpstreamTruncated}

// letGo gives up the connection, which is then somebody else's.
func (c *mirrorCopy) letGo() {
	c.server.copies.hold(c, nil)
	c.in.release()
	c.conn = nil
}

func (c *mirrorCopy) discard() {
	if conn := c.conn; conn != nil {
		c.letGo()
		_ = conn.Close()
	}
	c.in.release()
}
