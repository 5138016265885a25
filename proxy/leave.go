package proxy

import (
	"time"

	"sluice/metrics"
	"sluice/sock"
)

// lookAfter is how long a backend thinks before its client is looked after, and how often then. Faster requests pay nothing for it.
const lookAfter = time.Second

// expectAnswer sets when the answer's head is due. Where only that is waited for, the connection's expiry wakes who waits before, to see
// whether there still is a client.
func (u *upstream) expectAnswer(now metrics.Instant, whole bool) {
	if !u.conn.Reused {
		now = metrics.Now() // connecting took its time
	}
	u.due = sooner(after(now, u.timeouts.FirstByte), u.deadline)
	at := u.due
	if whole {
		at = sooner(at, after(now, lookAfter))
	}
	u.conn.Expire(at)
}

// waitsOn says, when waiting for the answer has failed, that it was for a look after the client, who is there: then the wait goes on.
// While a pump runs the expiry is the pump's, and so is the client.
func (u *upstream) waitsOn() bool {
	now := metrics.Now()
	if u.x.request.pumping || !u.conn.WasCut() || u.due != 0 && now >= u.due || u.x.client.server.forced.Load() {
		return false
	}
	if u.left = u.x.client.left() || u.watch.ended(); u.left {
		return false
	}
	u.conn.Revive(sooner(u.due, after(now, lookAfter)))
	return true
}

// looked ends the looking: the answer has begun, and a look that comes just now cuts nothing. An answer that is whole needs none of it.
func (u *upstream) looked() {
	if !u.x.request.pumping {
		u.expireAt(u.due)
	}
}

// expireAt sets the expiry of a connection that may have been cut for a look.
func (u *upstream) expireAt(at metrics.Instant) {
	if !u.conn.Expire(at) {
		u.conn.Revive(at)
	}
}

// stayWithClient is what the pump does when the body is through, until the exchange has had enough of it: it looks after the client.
func (r *requestBody) stayWithClient() {
	if r.looks == nil {
		r.looks = time.NewTimer(lookAfter)
	}
	defer r.looks.Stop()
	for {
		r.looks.Reset(lookAfter)
		select {
		case <-r.enough:
			return
		case <-r.looks.C:
		}
		if r.x.client.left() {
			_ = r.blame(errBodyAborted, metrics.ClientAborted)
			r.x.up.conn.Cut() // wakes who waits for the answer
			return
		}
	}
}

// left says that the client has reset the connection. One that has only ended its side may be waiting for its answer
// (RFC 9112, section 9.6), and nothing tells it from one that has closed: docs/decisions/0032.
func (c *client) left() (gone bool) {
	if c.fd != 0 {
		return sock.Gone(c.fd)
	}
	if c.in.raw != nil {
		_ = c.in.raw.Control(func(fd uintptr) { gone = sock.Gone(fd) })
	}
	return gone
}
