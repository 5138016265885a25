package proxy

import (
	"sync/atomic"
	"time"

	"sluice/metrics"
)

// requestBody is a request's body on its way to the backend. What came with the head goes out with the head; a pump of its own
// carries the rest, so that the backend may answer, and we pass its answer on, before the request has ended.
type requestBody struct {
	body body
	sent int64 // content so far
	// pumping says that the pump was started, and pumped that it has been for this request; ended has one token when it has ended, enough
	// has one when it should.
	pumping       bool
	pumped        bool
	ended, enough chan struct{}
	looks         *time.Timer // of the pump, reused
	// complete says that the pump has carried everything. Where there was none, body.done says so: the atomics below are the pump's
	// alone, and a request without one writes none (five such writes were 0.2 % of its time).
	complete atomic.Bool
	// stopping says that nobody waits for the rest, answering that an answer has begun: the backend's expiry is then the answer's.
	stopping, answering atomic.Bool
	deadline            metrics.Instant // of the whole request, while it is not answered
	unsent              bool            // the backend did not take everything; written before ended
	broken              bool            // the pump met a bug; written before ended
	// fault is why the client's side failed; nil when it did not. Written by the pump before ended.
	fault *refusal
	kind  metrics.ClientError
	run   func() // pump, bound once
	// copy is a copy of the request that waits for the rest of the body; the pump's while that runs.
	copy *mirrorCopy
	x    *exchange
}

// bodyWindow is the time over which the least rate is an average: as long as a head may take. It is how long a client may send
// nothing, and nobody saves up for longer.
func (l *Limits) bodyWindow() time.Duration {
	if l.HeaderTimeout > 0 {
		return l.HeaderTimeout
	}
	return 10 * time.Second
}

var (
	errBodyTooLarge     = &refusal{413, "the request's body is too large"}
	errTrailersTooLarge = &refusal{431, "the trailers of the request's body are too large"}
	errBodyTooSlow      = &refusal{408, "the request's body arrives too slowly"}
	errBodyMalformed    = &refusal{400, "the request's body is malformed"}
	errBodyAborted      = &refusal{400, "the request's body was cut off"}
)

func (r *requestBody) bind() {
	r.ended, r.enough = make(chan struct{}, 1), make(chan struct{}, 1)
	r.run = r.pump
}

func (r *requestBody) reset() {
	r.pumping, r.fault, r.sent, r.x = false, nil, 0, nil
	r.unsent, r.broken = false, false
	if r.pumped {
		r.pumped = false
		r.complete.Store(false)
		r.stopping.Store(false)
		r.answering.Store(false)
	}
	r.body.start(noBody, 0)
}

// whole says that the client has brought everything: its next bytes are another request.
func (r *requestBody) whole() bool { return !r.pumping && r.body.done || r.complete.Load() }

// over says whether nothing of the body is still to come. Before prepare has looked, only a request without a body is over.
func (r *requestBody) over(h *requestHead) bool {
	if r.x == nil {
		return h.framing == noBody || h.framing == fixed && h.length == 0
	}
	return r.whole()
}

// prepare appends what has arrived of the body to dst, framed for the backend.
func (r *requestBody) prepare(x *exchange, dst []byte) ([]byte, *refusal) {
	r.x = x
	r.body.start(x.head.framing, x.head.length)
	if limit := x.front.Limits.BodyBytes; limit > 0 && x.head.framing == fixed && x.head.length > limit {
		r.fault, r.kind = errBodyTooLarge, metrics.ClientTooLarge
		return dst, r.fault
	}
	if r.body.done || len(x.client.in.unread()) == 0 {
		return dst, nil
	}
	err := r.step(func(piece []byte) error { dst = append(dst, piece...); return nil })
	if err != nil {
		return dst, r.fault
	}
	return dst, nil
}

// step decodes what is unread and gives it out, framed anew. An error with a fault is the client's, one without the receiver's.
func (r *requestBody) step(give func([]byte) error) error {
	in := &r.x.client.in
	content, used, err := r.body.decode(in.unread())
	switch {
	case err == errTrailerSize:
		return r.blame(errTrailersTooLarge, metrics.ClientTooLarge)
	case err != nil:
		return r.blame(errBodyMalformed, metrics.ClientBadRequest)
	}
	r.sent += int64(content)
	if limit := r.x.front.Limits.BodyBytes; limit > 0 && r.sent > limit {
		return r.blame(errBodyTooLarge, metrics.ClientTooLarge)
	}
	if r.body.done && r.pumping {
		r.complete.Store(true)
	}
	if r.body.framing == fixed {
		err = give(in.unread()[:content])
	} else {
		err = r.giveChunk(give, content)
	}
	in.use(used)
	return err
}

func (r *requestBody) giveChunk(give func([]byte) error, content int) error {
	trailers := len(r.body.trailers) > 0
	if err := give(r.x.client.in.chunk(content, r.body.done && !trailers)); err != nil {
		return err
	}
	switch {
	case !r.body.done, content > 0 && !trailers:
		return nil
	case !trailers:
		return give([]byte(lastChunk))
	}
	return give(appendTrailers(nil, r.body.trailers, r.x.table.Identity))
}

func (r *requestBody) blame(why *refusal, kind metrics.ClientError) error {
	r.fault, r.kind = why, kind
	return why
}

// begin starts the pump when something is still to come.
func (r *requestBody) begin() {
	if r.body.done {
		return
	}
	r.pumping, r.pumped = true, true
	r.deadline = r.x.up.deadline
	r.x.up.conn.Expire(0) // until the request is whole, the client is waited for
	go r.run()
}

// pump carries the body until it is whole, one side fails, or stop ends it.
func (r *requestBody) pump() {
	defer func() { r.ended <- struct{}{} }()
	x := r.x
	defer x.client.server.caught(func() { r.broken = true; x.up.conn.Cut() })
	allowance := x.front.Limits.bodyWindow()
	for !r.body.done {
		before := metrics.Now()
		if err := r.receive(before, allowance); err != nil {
			x.up.conn.Cut() // wakes who waits for the answer
			return
		}
		now := metrics.Now()
		allowance = r.earn(allowance, now.Sub(before))
		x.client.sock.Expire(0) // the backend's slowness is not the client's
		r.backendExpires(sooner(after(now, x.up.timeouts.Idle), r.deadline))
		if err := r.step(r.write); err != nil {
			r.unsent = true
			if r.fault != nil {
				x.up.conn.Cut()
			}
			return
		}
		r.backendExpires(0)
	}
	r.copyWhole()
	r.backendExpires(sooner(after(metrics.Now(), x.up.timeouts.FirstByte), r.deadline))
	r.stayWithClient()
}

// backendExpires sets the backend's time, unless it answers already.
func (r *requestBody) backendExpires(at metrics.Instant) {
	if !r.answering.Load() {
		r.x.up.conn.Expire(at)
	}
}

func (r *requestBody) write(piece []byte) error {
	if len(piece) == 0 {
		return nil
	}
	r.note(piece)
	_, err := r.x.up.conn.Write(piece)
	return err
}

// receive reads more of the body, within the client's allowance.
func (r *requestBody) receive(now metrics.Instant, allowance time.Duration) error {
	c := r.x.client
	if r.x.front.Limits.BodyRate == 0 {
		allowance = r.x.front.Limits.IdleTimeout
	}
	if r.x.call { // which may say nothing for as long as it likes
		allowance = 0
	}
	if r.x.head.expect && r.sent == 0 { // who waits for the 100 waits for the backend
		if first := r.x.up.timeouts.FirstByte; first == 0 {
			allowance = 0
		} else if allowance > 0 {
			allowance = max(allowance, first)
		}
	}
	until := after(now, allowance)
	if !r.answering.Load() {
		until = sooner(until, r.deadline)
	}
	if !c.sock.Expire(until) {
		return r.blame(errBodyTooSlow, metrics.ClientBodyTimeout)
	}
	err := c.in.fill()
	switch {
	case err == nil:
		return nil
	case r.stopping.Load():
		return err
	case c.sock.WasCut():
		return r.blame(errBodyTooSlow, metrics.ClientBodyTimeout)
	}
	return r.blame(errBodyAborted, metrics.ClientAborted)
}

// earn is the allowance after waiting: what was read adds to it at the least rate allowed.
func (r *requestBody) earn(allowance, waited time.Duration) time.Duration {
	limits := &r.x.front.Limits
	if limits.BodyRate == 0 {
		return allowance
	}
	earned := time.Duration(len(r.x.client.in.unread())) * time.Second / time.Duration(limits.BodyRate)
	return max(time.Millisecond, min(allowance-waited+earned, limits.bodyWindow()))
}

// finish waits for the pump after a whole answer, and says whether the request was sent whole. The backend, having answered, need not
// take what the client has not brought yet.
func (r *requestBody) finish() bool {
	if r.pumping && r.complete.Load() {
		r.x.up.expire(metrics.Now(), r.x.up.timeouts.Idle)
		r.join()
	}
	r.stop()
	return r.whole() && !r.unsent
}

// stop ends the pump, if it runs, whatever it waits for. After it the client's bytes are the caller's again.
func (r *requestBody) stop() {
	if !r.pumping {
		return
	}
	r.stopping.Store(true)
	r.x.client.sock.StopReads()
	r.x.up.conn.Cut()
	r.join()
}

func (r *requestBody) join() {
	r.enough <- struct{}{}
	<-r.ended
	select {
	case <-r.enough: // it had ended by itself
	default:
	}
	r.pumping = false
	if !r.x.client.sock.WasCut() {
		_ = r.x.client.sock.SetReadDeadline(time.Time{})
	}
}
