package proxy

import (
	"errors"
	"net"
	"syscall"
	"time"

	"sluice/backend"
	"sluice/metrics"
	"sluice/sock"
)

// upstream is an exchange's side towards the backend.
type upstream struct {
	conn     *backend.Conn
	in       inbound
	timeouts backend.Timeouts
	deadline metrics.Instant // of the whole request; 0 is none
	due      metrics.Instant // of the answer's head; 0 is never
	upgrade  bool            // it may become a tunnel
	watch    *watch          // over the client, for a request of HTTP/2
	spoke    bool            // a head, perhaps an interim one, has come over conn
	x        *exchange       // whose side it is
	left     bool            // its client has gone away

	// What follows is between send and trySend, which the poller calls.
	try    func(fd uintptr) bool
	unsent []byte
	stay   bool // wait for the answer, too
	asked  bool // the request has been written, as far as it went
	stale  bool // the connection was not silent, so nothing was written
	err    error
}

// failure is why a backend's answer can't be passed on. They are made once: a failing backend costs no memory.
type failure struct {
	status int
	kind   metrics.UpstreamError
	reason string
	// unreachable: no connection was made. stale: a reused connection ended without a byte of answer, so the request may never have
	// been seen; blameless: nothing that the backend did.
	unreachable, stale, blameless bool
}

var (
	failConnect = &failure{status: 502, kind: metrics.UpstreamConnect, reason: "the backend refuses connections", unreachable: true}
	failDial    = &failure{status: 502, kind: metrics.UpstreamConnectTimeout, reason: "the backend does not accept a connection in time", unreachable: true}
	failLate    = &failure{status: 504, kind: metrics.UpstreamConnectTimeout, reason: "the request's time is over before the backend accepts a connection", unreachable: true}
	failTLS     = &failure{status: 502, kind: metrics.UpstreamTLS, reason: "the TLS handshake with the backend fails", unreachable: true}
	failBusy    = &failure{status: 503, kind: metrics.UpstreamBusy, reason: "the backend has as many connections as it may have", blameless: true}
	failHealth  = &failure{status: 503, kind: metrics.UpstreamUnavailable, reason: "the backend became unavailable"}
	failStale   = &failure{status: 502, kind: metrics.UpstreamReset, reason: "the backend closed the connection", stale: true}
	failReset   = &failure{status: 502, kind: metrics.UpstreamReset, reason: "the backend closed the connection before it answered"}
	// The backend did nothing of the request: failRetired is the end of a connection that was on its way, of which nobody is to blame.
	failRefused = &failure{status: 503, kind: metrics.UpstreamRefused, reason: "the backend refuses the request unprocessed"}
	failRetired = &failure{status: 503, kind: metrics.UpstreamRefused, reason: "the backend ends the connection and has not processed the request", stale: true}

	failTimeout   = &failure{status: 504, kind: metrics.UpstreamTimeout, reason: "the backend does not answer in time"}
	failMalformed = &failure{status: 502, kind: metrics.UpstreamMalformed, reason: "the backend's answer is malformed"}
	// Not the backend's: the client is gone, the machine is out of descriptors or ports, we have a bug (which counts as no kind).
	failGone  = &failure{blameless: true}
	failLocal = &failure{status: 503, kind: metrics.UpstreamBusy, reason: "the proxy has no free connection", blameless: true}
	failBug   = &failure{status: 502, kind: metrics.NumUpstreamErrors, reason: "an error of the proxy", blameless: true}
)

func (u *upstream) bind(x *exchange) {
	u.x = x
	u.in.bind()
	u.try = u.trySend
}

func (u *upstream) reset() { u.conn, u.watch = nil, nil }

// connect takes an idle connection, or opens one: always, where fresh says so.
func (u *upstream) connect(e *backend.Endpoint, now metrics.Instant, fresh bool) *failure {
	u.spoke, u.left, u.conn = false, false, nil
	if !fresh && !(u.upgrade && e.Secure()) {
		u.conn = e.Idle(now)
	}
	var err error
	if u.conn == nil {
		u.conn, err = u.dial(e, now)
	}
	if err == nil {
		u.in.open(u.conn.Sock, u.conn.Raw())
		if !u.watch.over(u.conn.Sock) {
			return failGone
		}
		return nil
	}
	u.conn = nil
	return u.unconnected(err)
}

// unconnected is why there is no connection.
func (u *upstream) unconnected(err error) *failure {
	var ne net.Error
	switch {
	case errors.Is(err, backend.ErrBusy):
		return failBusy
	case exhausted(err):
		return failLocal
	case u.deadline != 0 && metrics.Now() >= u.deadline:
		return failLate
	case errors.As(err, &ne) && ne.Timeout():
		return failDial
	case errors.Is(err, backend.ErrTLS):
		return failTLS
	}
	return failConnect
}

// send writes p, on a connection that was idle only if nothing has arrived on it: what lies there is the answer to nobody's request.
// stale says that something has. With stay it also waits for the first bytes of the answer; err is then why there are none.
func (u *upstream) send(p []byte, stay bool) (stale bool, err error) {
	if u.in.raw == nil {
		return u.sendPlain(p, stay)
	}
	u.unsent, u.stay, u.asked, u.stale, u.err = p, stay, false, false, nil
	for {
		err := u.in.raw.Read(u.try)
		if err == nil {
			break
		}
		if !u.waitsOn() {
			return false, err
		}
	}
	if u.stale {
		return true, nil
	}
	if len(u.unsent) > 0 && u.err == nil {
		// A backend may answer and close before it has read all: an answer is looked for also where writing fails.
		u.expireAt(u.due)
		_, u.err = u.conn.Write(u.unsent)
	}
	u.unsent = nil
	return false, u.err
}

// sendPlain is send where there is no poller to stay in: a connection of TLS, or in memory.
func (u *upstream) sendPlain(p []byte, stay bool) (stale bool, err error) {
	if u.conn.Reused && !u.conn.Silent() {
		return true, nil
	}
	u.expireAt(u.due)
	_, err = u.conn.Write(p)
	if !stay {
		return false, err
	}
	u.expireAt(sooner(u.due, after(metrics.Now(), lookAfter)))
	for { // also after a failed write: it may have answered and closed
		if err = u.in.await(); err == nil || !u.waitsOn() {
			return false, err
		}
	}
}

// trySend is what the poller calls: at once, to look and to write, and then when something may have arrived. All that arrives after the
// look is a new edge, so waiting begins without a read.
func (u *upstream) trySend(fd uintptr) (leave bool) {
	if u.asked {
		u.err = u.in.tryRead(fd)
		return u.err != syscall.EAGAIN
	}
	if u.conn.Reused && !sock.Silent(fd) {
		u.stale = true
		return true
	}
	n, err := sock.TryWrite(fd, u.unsent)
	u.unsent, u.asked = u.unsent[n:], true
	if err != nil && err != syscall.EAGAIN {
		u.unsent = nil // await tells what became of the connection
		return true
	}
	return !u.stay || len(u.unsent) > 0
}

// exhausted says that this machine, not the backend, is why there is no connection.
func exhausted(err error) bool {
	for _, local := range [...]error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, local) {
			return true
		}
	}
	return false
}

// expire sets how long the backend's next move may take.
func (u *upstream) expire(now metrics.Instant, d time.Duration) bool {
	return u.conn.Expire(sooner(after(now, d), u.deadline))
}

// scan reads until the answer's next head is whole; interim ones are heads of their own.
func (u *upstream) scan(h *answerHead, toHEAD bool) *failure {
	for {
		err := u.in.await()
		if err == nil {
			break
		}
		if !u.waitsOn() {
			return u.silence(err)
		}
	}
	for {
		h.fields = u.in.fields()
		n, err := h.scan(u.in.unread(), answerLimits, toHEAD)
		u.in.keepFields(h.fields)
		if err != nil {
			u.x.endpoint.Malformed(u.in.unread())
			return failMalformed
		}
		if n > 0 {
			u.in.use(n)
			u.spoke = true
			return nil
		}
		if err := u.in.fill(); err != nil && !u.waitsOn() {
			switch {
			case u.left:
				return failGone
			case u.conn.WasCut():
				return failTimeout
			}
			return failReset
		}
	}
}

// silence is the failure of an answer of which no byte came; err is why.
func (u *upstream) silence(err error) *failure {
	switch {
	case u.left:
		return failGone
	case u.conn.WasCut():
		return failTimeout
	case !u.spoke && u.conn.Garbled():
		return failMalformed
	case !u.spoke && u.conn.Denied(err):
		return failTLS
	case !u.spoke && u.conn.Refused():
		return failRefused
	case !u.spoke && u.conn.Retired():
		return failRetired
	case !u.spoke && u.conn.MayBeStale():
		return failStale
	}
	return failReset
}

// discard closes the connection: its state is in doubt.
func (u *upstream) discard() {
	if u.conn != nil {
		u.watch.over(nil)
		_ = u.conn.Close()
		u.conn = nil
	}
	u.in.release()
}

// answerLimits bound a backend's head.
var answerLimits = headLimits{bytes: 64 << 10, fields: 200}
