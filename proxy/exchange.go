package proxy

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"sluice/access"
	"sluice/backend"
	"sluice/metrics"
	"sluice/router"
	"sluice/selector"
)

// exchange is one request and its answer. It is borrowed for the request's time, and everything it holds keeps its memory.
type exchange struct {
	client *client
	front  *Front
	table  *router.Table

	head    requestHead
	scanned bool  // the head is whole, or refused
	refused error // why it is
	view    view
	forward forwarded
	route   *router.Route
	choice  selector.Choice
	draw    selector.Draw
	arrival metrics.Arrival
	// endpoint has the attempt under way; nil before there is one.
	endpoint *backend.Endpoint
	tried    metrics.Instant // when it began
	// users is where trial is counted; nil is nowhere.
	users *metrics.Keys
	trial metrics.Trial
	// original is the request beside its copy, where the two are compared.
	original original
	// goal says that the answer can convert the user's visit.
	goal bool

	// What the request's head said and is still asked for when its bytes are gone: the buffer is reused as soon as a body flows.
	method metrics.Method
	toHEAD bool
	id     []byte // the request's X-Request-Id, or ours
	cookie []byte // the Set-Cookie line, or empty
	// noted is what the access log wants of it; nil where there is none. sent counts the bytes of the answer's body.
	noted *access.Record
	sent  int64

	start    metrics.Instant
	deadline metrics.Instant // of the whole request; 0 is none

	request requestBody
	up      upstream
	answer  answerHead
	reply   body
	// out is what is written next: the head for the backend, then the answer's.
	out []byte
	// headLength is the head's part of out, while that is for the backend.
	headLength int
	// end is the end of a chunked answer, where it has trailers.
	end []byte
	// target is memory for a rewritten one.
	target []byte
	cors   []byte // of the answer, where the route says who may use it
	// begun says that a byte of the answer has gone to the client: from then on it is completed or reset.
	begun bool
	// parting says that the connection ends, and the client may still be sending.
	parting bool
	// call says that the request is a gRPC call, callFailed that its status speaks against the backend.
	call, callFailed bool
}

var exchanges = sync.Pool{New: func() any {
	x := new(exchange)
	x.up.bind(x)
	x.request.bind()
	return x
}}

func newExchange(c *client) *exchange {
	x := exchanges.Get().(*exchange)
	x.client, x.front = c, c.listener.front.Load()
	x.call, x.begun, x.parting, x.route, x.id, x.cookie = false, false, false, nil, x.id[:0], x.cookie[:0]
	x.toHEAD, x.method, x.arrival, x.users = false, 0, metrics.Arrival{}, nil
	x.endpoint, x.noted, x.sent, x.original.meter = nil, nil, 0, nil
	x.scanned, x.refused, x.choice = false, nil, selector.Choice{Backend: unchosen}
	x.up.reset()
	x.request.reset()
	return x
}

func (x *exchange) free() {
	x.request.dropCopy(metrics.MirrorSkipped) // the body never came whole
	x.up.in.release()
	x.client, x.front, x.table, x.route, x.endpoint = nil, nil, nil, nil, nil
	exchanges.Put(x)
}

// run is the request's path from top to bottom. It says whether the connection can take another request.
func (x *exchange) run() bool {
	if err := x.readHead(); err != nil {
		return x.malformed(err)
	}
	if !x.client.sock.Expire(0) {
		return false // too late: nobody could be answered
	}
	x.begin()
	if to := x.front.ToTLS; to != nil && to.applies(x) {
		return x.toTLS(to)
	}
	if x.match(); x.route == nil {
		return x.own(404, "no route takes this request")
	}
	if r := x.route.Redirect; r != nil {
		return x.redirect(r)
	}
	if c := x.route.CORS; c != nil {
		if answered, again := x.preflight(c); answered {
			return again
		}
		x.allow(c)
	}
	if !x.choose() {
		return x.own(503, "the backend is unavailable, and there is none to fall back to")
	}
	if f := x.route.Fault; f != nil {
		if status := x.suffer(f); status != 0 {
			return x.own(status, "a fault that the route injects")
		}
	}
	return x.carry()
}

// match finds the route: the listener's own, or the table's.
func (x *exchange) match() {
	if x.route = x.front.First; x.route == nil || !x.route.Takes(&x.view) {
		x.route = x.table.Match(&x.view)
	}
}

// arrivedWhole says whether nothing more has to be read for the request: its head and its body are there, or it is malformed. One that
// may become a tunnel is read on.
func (x *exchange) arrivedWhole() bool {
	if !x.scan() {
		return false
	}
	if x.refused != nil || x.head.upgrade {
		return x.refused != nil
	}
	return x.head.framing == noBody || x.head.framing == fixed && x.head.length <= int64(len(x.client.in.unread()))
}

// scan looks for a whole head in what has arrived; true when it is found, or can't be one.
func (x *exchange) scan() bool {
	if x.scanned {
		return true
	}
	limits, in := &x.front.Limits, &x.client.in
	x.head.fields = in.fields()
	n, err := x.head.scan(in.unread(), headLimits{bytes: orUnlimited(limits.HeaderBytes), fields: orUnlimited(limits.HeaderCount)})
	in.keepFields(x.head.fields)
	in.use(n)
	x.refused, x.scanned = err, n > 0 || err != nil
	return x.scanned
}

// readHead reads until the head is whole. The rest of what was read stays unread.
func (x *exchange) readHead() error {
	for first := true; !x.scan(); first = false {
		if first && !x.client.sock.Expire(after(metrics.Now(), x.front.Limits.HeaderTimeout)) {
			return os.ErrDeadlineExceeded
		}
		if err := x.client.in.fill(); err != nil {
			return err
		}
	}
	return x.refused
}

func orUnlimited(limit int) int {
	if limit == 0 {
		return math.MaxInt
	}
	return limit
}

// begin notes what is needed of a request whose head is whole.
func (x *exchange) begin() {
	c := x.client
	x.start = metrics.Now()
	x.table = c.server.Live.Load()
	x.draw = selector.Draw{Hi: rand.Uint64(), Lo: rand.Uint64()}
	x.method = metrics.MethodOf(x.head.method)
	x.toHEAD = string(x.head.method) == "HEAD"

	v := &x.view
	v.head, v.identity, v.listener, v.client = &x.head, x.table.Identity, x.front.Name, c.peer
	v.believed = x.table.Identity.Trusts(c.peer)
	w := &x.forward
	w.trusted = contains(x.front.TrustedProxies, c.peer)
	if w.trusted {
		v.client = forwardedClient(&x.head, c.peer, x.front.TrustedProxies)
	}
	v.settle()
	w.client, w.proto, w.identity, w.believed = c.peerText, c.proto, x.table.Identity, v.believed
	x.nameRequest()
	w.requestID = x.id
	if x.table.Access != nil {
		x.note()
	}
}

// nameRequest keeps the request's id, or makes one.
func (x *exchange) nameRequest() {
	if x.id = append(x.id, x.head.id...); len(x.id) == 0 {
		x.inventID()
	}
}

// inventID makes an id for a request that brings none.
func (x *exchange) inventID() {
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(raw[8:], rand.Uint64())
	x.id = hex.AppendEncode(x.id, raw[:])
}

// choose picks the backend, and another when that one is unavailable; false when there is none.
func (x *exchange) choose() bool {
	r := x.route
	x.choice = r.Selector.Pick(&x.view, x.user(), x.draw)
	x.forward.cookies = x.forward.cookies[:0]
	overridden := r.Override != nil && x.overrides(time.Now().Unix())
	switch b, ok := r.Serving(x.choice.Backend); {
	case !ok || overridden && b != x.choice.Backend:
		r.Meters[x.choice.Backend].UpstreamError(metrics.UpstreamUnavailable)
		return false
	case b != x.choice.Backend:
		x.choice.Backend, x.choice.Reason, x.choice.Cohort = b, selector.Fallback, metrics.Other
	}
	x.forward.backend, x.forward.route = r.Backends[x.choice.Backend].Name(), r.Name
	if k := r.Cookie; k != nil && x.choice.Cookie != selector.CookieNone {
		unix := time.Now().Unix()
		x.cookie = appendCookie(x.cookie, k, &x.choice, x.draw, x.view.Cookie(k.Name), unix, x.forward.proto == "https")
	}
	if r.Override != nil {
		x.withhold(r.Override)
	}
	r.Meters[x.choice.Backend].Selected(uint8(x.choice.Reason), x.client.shard)
	return true
}

// unchosen is the Choice.Backend of a request for which none has been picked.
const unchosen = -1

// meter is where the request is counted: with its backend, or with the requests that have none.
func (x *exchange) meter() *metrics.Meter {
	if x.choice.Backend == unchosen {
		return x.client.server.NoRoute
	}
	return x.route.Meters[x.choice.Backend]
}

// malformed ends a connection whose next request can't be read.
func (x *exchange) malformed(err error) bool {
	process := x.client.server.Process
	var r *refusal
	switch {
	case errors.As(err, &r):
		process.ClientError(clientErrorOf(r.status))
		// As far as it was scanned; in the other cases what the scan points to may have moved.
		x.toHEAD, x.head.json = string(x.head.method) == "HEAD", x.head.acceptsJSON()
	case len(bytes.TrimLeft(x.client.in.unread(), "\r\n")) == 0:
		return false // nothing was asked for, but an empty line has come
	case x.client.sock.WasCut():
		process.ClientError(metrics.ClientHeaderTimeout)
		r = &refusal{408, "the request's head did not arrive in time"}
		// The cut ended reading and writing alike; the answer is short, and the socket's buffer takes it at once or never.
		x.client.sock.Revive(after(metrics.Now(), lingerTime))
	default:
		process.ClientError(metrics.ClientAborted)
		return false
	}
	x.start = metrics.Now()
	x.head.close = true
	x.inventID()
	return x.own(r.status, r.reason)
}

// own answers the request without a backend's answer.
func (x *exchange) own(status int, reason string) bool { return x.ownWith(status, reason, nil) }

// ownWith is own with more fields: whole lines.
func (x *exchange) ownWith(status int, reason string, extra []byte) bool {
	keep := !x.head.close && x.request.over(&x.head) && !x.client.server.retiring.Load()
	p := page{status: status, reason: reason, requestID: x.id, persistence: x.persistence(keep), head: x.toHEAD, json: x.head.json, extra: extra}
	x.out = p.append(x.out[:0])
	x.begun = true
	err := x.give(x.out)
	if x.noted != nil {
		x.sent = int64(len(x.out) - bytes.Index(x.out, []byte("\r\n\r\n")) - 4)
	}
	x.done(status)
	if !keep && err == nil {
		x.parting = true
	}
	return keep && err == nil
}

// judge counts the attempt out, once.
func (x *exchange) judge(o metrics.Outcome) {
	x.meter().End(x.arrival, o)
	if x.endpoint != nil && !o.Void {
		x.endpoint.Note(o.Failed)
	}
	x.arrival = metrics.Arrival{}
	if x.original.meter != nil {
		x.original.meter.End(x.original.arrival, o)
		x.original.meter = nil
	}
	if x.users != nil {
		x.users.End(x.trial, o)
		x.users = nil
	}
}

// countUser counts the request in for its user, where the sticky draw has sent it to one of the two backends that are compared.
func (x *exchange) countUser() {
	if x.route.Users == nil || x.choice.Reason != selector.Sticky {
		return
	}
	if x.users = x.route.Users.Load(); x.users == nil {
		return
	}
	side := x.side()
	if side == metrics.NoSide {
		x.users = nil
		return
	}
	x.trial = x.users.Begin(x.choice.Key, side, x.start)
}

// done counts the answer that the client got.
func (x *exchange) done(status int) {
	now := metrics.Now()
	x.client.last = now
	x.meter().Answer(x.method, status, now.Sub(x.start), x.client.shard)
	x.logged(status, now, access.Whole)
}

// persistence is the Connection line of an answer.
func (x *exchange) persistence(keep bool) string {
	switch {
	case !keep:
		return persistClose
	case x.head.http10:
		return persistKeep
	}
	return ""
}

// panicked cleans up after a bug of ours: the request is answered if nothing of an answer has gone out.
func (x *exchange) panicked() bool {
	x.request.stop()
	x.request.dropCopy(metrics.MirrorSkipped)
	x.up.discard()
	if x.arrival != (metrics.Arrival{}) {
		x.judge(metrics.Outcome{At: metrics.Now(), Void: true})
	}
	if !x.begun {
		p := page{status: 502, reason: "an error of the proxy", requestID: x.id, persistence: persistClose, head: x.toHEAD, json: x.head.json}
		x.out = p.append(x.out[:0])
		_, _ = x.client.sock.Write(x.out)
	} else {
		x.client.reset()
	}
	return false
}

func clientErrorOf(status int) metrics.ClientError {
	switch status {
	case 413, 414, 431:
		return metrics.ClientTooLarge
	case 405, 417, 501, 505:
		return metrics.ClientUnsupported
	}
	return metrics.ClientBadRequest
}
