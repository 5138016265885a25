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
	// pumping says that the pump was started; ended has one token when it has ended, and complete says that it sent everything.
	pumping  bool
	ended    chan struct{}
	complete atomic.Bool
	// fault is why the client's side failed; nil when it did not. Written by the pump before ended.
	fault *refusal
	kind  metrics.ClientError
	run   func() // pump, bound once
	x     *exchange
}

// bodyPatience is how long a client may send nothing, over and above what its rate so far has earned.
const bodyPatience = 10 * time.Second

var (
	errBodyTooLarge  = &refusal{413, "the request's body is too large"}
	errBodyTooSlow   = &refusal{408, "the request's body arrives too slowly"}
	errBodyMalformed = &refusal{400, "the request's body is malformed"}
	errBodyAborted   = &refusal{400, "the request's body was cut off"}
)

func (r *requestBody) bind() {
	r.ended = make(chan struct{}, 1)
	r.run = r.pump
}

func (r *requestBody) reset() {
	r.pumping, r.fault, r.sent, r.x = false, nil, 0, nil
	r.complete.Store(false)
	r.body.start(noBody, 0)
}

// over says whether nothing of the body is still to come. Before prepare has looked, only a request without a body is over.
func (r *requestBody) over(h *requestHead) bool {
	if r.x == nil {
		return h.framing == noBody || h.framing == fixed && h.length == 0
	}
	return r.body.done && !r.pumping || r.complete.Load()
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
	if err != nil {
		return r.blame(errBodyMalformed, metrics.ClientBadRequest)
	}
	r.sent += int64(content)
	if limit := r.x.front.Limits.BodyBytes; limit > 0 && r.sent > limit {
		return r.blame(errBodyTooLarge, metrics.ClientTooLarge)
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
		r.complete.Store(true)
		return
	}
	r.pumping = true
	r.x.up.conn.Expire(r.x.up.deadline) // until the request is whole, the client is waited for
	go r.run()
}

// pump carries the body until it is whole, one side fails, or stop ends it.
func (r *requestBody) pump() {
	defer func() { r.ended <- struct{}{} }()
	x := r.x
	defer x.client.server.caught(func() { x.up.conn.Cut() })
	allowance := bodyPatience
	for !r.body.done {
		before := metrics.Now()
		if err := r.receive(before, allowance); err != nil {
			x.up.conn.Cut() // wakes who waits for the answer
			return
		}
		now := metrics.Now()
		allowance = r.earn(allowance, now.Sub(before))
		x.client.sock.Expire(0) // the backend's slowness is not the client's
		x.up.expire(now, x.up.timeouts.Idle)
		if err := r.step(r.write); err != nil {
			if r.fault != nil {
				x.up.conn.Cut()
			}
			return
		}
		x.up.conn.Expire(x.up.deadline)
	}
	r.complete.Store(true)
	x.up.expire(metrics.Now(), x.up.timeouts.FirstByte)
}

func (r *requestBody) write(piece []byte) error {
	if len(piece) == 0 {
		return nil
	}
	_, err := r.x.up.conn.Write(piece)
	return err
}

// receive reads more of the body, within the client's allowance.
func (r *requestBody) receive(now metrics.Instant, allowance time.Duration) error {
	c := r.x.client
	if r.x.front.Limits.BodyRate == 0 {
		allowance = r.x.front.Limits.IdleTimeout
	}
	if !c.sock.Expire(after(now, allowance)) {
		return r.blame(errBodyTooSlow, metrics.ClientBodyTimeout)
	}
	err := c.in.fill()
	switch {
	case err == nil:
		return nil
	case c.sock.WasCut():
		return r.blame(errBodyTooSlow, metrics.ClientBodyTimeout)
	}
	return r.blame(errBodyAborted, metrics.ClientAborted)
}

// earn is the allowance after waiting: what was read adds to it at the least rate allowed.
func (r *requestBody) earn(allowance, waited time.Duration) time.Duration {
	rate := r.x.front.Limits.BodyRate
	if rate == 0 {
		return allowance
	}
	earned := time.Duration(len(r.x.client.in.unread())) * time.Second / time.Duration(rate)
	return max(time.Millisecond, min(allowance-waited+earned, bodyPatience))
}

// stop ends the pump, if it runs, and says whether the request was sent whole. After it the client's bytes are the caller's again.
func (r *requestBody) stop() bool {
	if !r.pumping {
		return r.complete.Load()
	}
	x := r.x
	if !r.complete.Load() {
		_ = x.client.sock.SetReadDeadline(time.Unix(1, 0))
		x.up.conn.Cut()
	}
	<-r.ended
	r.pumping = false
	if !r.complete.Load() && !x.client.sock.WasCut() {
		_ = x.client.sock.SetReadDeadline(time.Time{})
	}
	return r.complete.Load()
}
