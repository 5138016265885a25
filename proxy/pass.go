package proxy

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"

	"sluice/access"
	"sluice/backend"
	"sluice/metrics"
	"sluice/sock"
)

// pass gives the backend's answer to the client, head and body, and both connections back where that is safe.
func (x *exchange) pass(e *backend.Endpoint) bool {
	keep := !x.head.close && !x.client.server.retiring.Load() && x.request.over(&x.head)
	asChunks := x.answer.framing == chunked || x.answer.framing == untilClose
	if asChunks && x.head.http10 {
		asChunks, keep = false, false // it ends with the connection
	}
	if x.request.pumping {
		x.request.answering.Store(true)
	}
	if !x.answer.whole(x.up.in.unread()) {
		x.up.looked()
	}
	if x.call {
		x.noteCall()
	}
	if x.call || x.eventStream() {
		x.deadline, x.up.deadline = 0, 0
		e.Stream(x.up.conn, x.client.sock)
	}
	if x.route.Reports {
		x.countReports()
	}
	n := noted{requestID: x.id, cookie: x.cookie, chunked: asChunks, persistence: x.persistence(keep)}
	if x.table.DebugHeaders {
		n.backend, n.reason = x.forward.backend, x.choice.Reason.String()
	}
	if x.route.CORS != nil {
		n.cors = x.cors
	}
	if c := x.route.Changes; c != nil {
		n.headers = c.Response
	}
	if c := x.route.Conversion; c != nil {
		x.convert(c)
		n.strip = c.Header
	}
	x.out = x.answer.appendPass(x.out[:0], &n)
	x.reply.start(x.answer.framing, x.answer.length)

	status, closing := x.answer.status, x.answer.close
	switch err := x.relay(asChunks); err {
	case nil:
	case errClient:
		return x.clientGone(status)
	default:
		return x.truncated(status)
	}
	if x.call {
		x.endCall()
	}
	whole := x.request.finish()
	now := metrics.Now()
	x.judge(metrics.Outcome{At: now, Failed: x.failed(status)})
	x.meter().Answer(x.method, status, now.Sub(x.start), x.client.shard)
	x.client.last = now
	x.logged(status, now, access.Whole)
	x.giveBack(e, now, whole && !closing && len(x.up.in.unread()) == 0)
	if !keep || !whole {
		x.parting = true
	}
	return keep && whole
}

// giveBack pools the backend's connection, when nothing on it is in doubt.
func (x *exchange) giveBack(e *backend.Endpoint, now metrics.Instant, sound bool) {
	if !sound {
		x.up.discard()
		return
	}
	x.up.in.release()
	x.up.watch.over(nil)
	e.Put(x.up.conn, now)
	x.up.conn = nil
}

// errClient says that the client does not take its answer.
var errClient = errors.New("the client is gone")

// relay writes the head in out and then the body, piece by piece as it comes. The error is errClient when the client does not take
// it, and otherwise about the backend.
func (x *exchange) relay(asChunks bool) error {
	in := &x.up.in
	for first := true; ; first = false {
		content, used, err := x.reply.decode(in.unread())
		if err != nil {
			return err
		}
		if !first || !x.reply.done || x.request.pumping { // else nothing more is wanted of the connection, and Put sets it
			x.up.conn.Expire(0) // the client is waited for
		}
		if err := x.write(x.piece(content, asChunks), x.tail(content, asChunks)); err != nil {
			return errClient
		}
		x.sent += int64(content)
		in.use(used)
		if x.reply.done {
			return nil
		}
		if err := x.more(); err == io.EOF && x.reply.framing == untilClose {
			x.reply.done = true
			if !asChunks {
				return nil
			}
			if x.write(nil, []byte(lastChunk)) != nil {
				return errClient
			}
			return nil
		} else if err != nil {
			return err
		}
	}
}

// more waits for the next bytes of the answer, and gives the client time for them too.
func (x *exchange) more() error {
	now, patience := metrics.Now(), x.up.timeouts.Idle
	if x.call && !x.request.whole() {
		patience = 0 // a caller who has more to say may have nothing to hear
	}
	if !x.up.expire(now, patience) {
		return os.ErrDeadlineExceeded
	}
	if x.up.in.empty() && x.reply.left > payloadSize {
		x.up.in.widen()
	}
	return x.up.in.fill()
}

// piece is content of the body as the client gets it; framed as a chunk it brings the last one with it where that is due.
func (x *exchange) piece(content int, asChunks bool) []byte {
	if !asChunks {
		return x.up.in.unread()[:content]
	}
	return x.up.in.chunk(content, x.reply.done && len(x.reply.trailers) == 0)
}

// tail is the end of a chunked body that piece does not bring.
func (x *exchange) tail(content int, asChunks bool) []byte {
	if !asChunks || !x.reply.done || content > 0 && len(x.reply.trailers) == 0 {
		return nil
	}
	x.end = appendTrailers(x.end[:0], x.reply.trailers, x.table.Identity)
	return x.end
}

// write sends what is in out, piece and tail, in one go: the head and a short body are one packet.
func (x *exchange) write(piece, tail []byte) error {
	if whole := x.up.in.precede(x.out, piece); whole != nil && len(tail) == 0 {
		piece = whole
	} else if len(x.out) > 0 || len(tail) > 0 {
		x.out = append(append(x.out, piece...), tail...)
		piece = x.out
	}
	if len(piece) == 0 {
		return nil
	}
	x.begun = true
	err := x.give(piece)
	x.out = x.out[:0]
	return err
}

// give writes to the client. What its socket does not take at once it has to take within the idle time.
func (x *exchange) give(p []byte) error {
	c := x.client
	if c.fd != 0 {
		n, err := sock.TryWrite(c.fd, p)
		if n == len(p) {
			return nil
		}
		if err != nil && err != syscall.EAGAIN {
			return err
		}
		p = p[n:]
	}
	c.sock.ExpireWrite(sooner(after(metrics.Now(), x.front.Limits.IdleTimeout), x.deadline))
	_, err := c.sock.Write(p)
	c.sock.ExpireWrite(0)
	return err
}

// clientGone ends a request whose answer nobody takes. The backend is not to blame for that, but for an error it answered with.
func (x *exchange) clientGone(status int) bool {
	x.request.stop()
	if x.up.conn == nil || !x.up.conn.Dismissed() {
		x.client.server.Process.ClientError(metrics.ClientAborted)
	}
	x.up.discard()
	now := metrics.Now()
	x.judge(metrics.Outcome{At: now, Failed: status >= 500, Void: status < 500})
	x.logged(status, now, access.ByClient)
	if x.begun {
		x.client.reset() // to one that is only slow, an end alone would look like the answer's
	}
	return false
}

// truncated ends a request whose answer broke off. What the client has got is made invalid, not finished.
func (x *exchange) truncated(status int) bool {
	if !x.begun {
		return x.fail(failMalformed)
	}
	if x.up.watch.ended() {
		return x.clientGone(status)
	}
	timeout := x.up.conn.WasCut() // before stop, which cuts
	x.request.stop()
	if x.request.fault != nil {
		return x.clientFault()
	}
	kind, dismissed := metrics.UpstreamTruncated, x.up.conn.Dismissed()
	if timeout {
		kind = metrics.UpstreamTimeout
	}
	x.up.discard()
	now := metrics.Now()
	if !dismissed {
		x.meter().UpstreamError(kind)
	}
	x.judge(metrics.Outcome{At: now, Failed: true, Void: dismissed || x.request.broken || x.client.server.forced.Load()})
	x.meter().Answer(x.method, status, now.Sub(x.start), x.client.shard)
	x.logged(status, now, access.ByBackend)
	x.client.reset()
	return false
}

// eventStream says that the answer is a stream without an end in sight, on which the request's timeout does not count.
func (x *exchange) eventStream() bool { return x.answer.isEventStream() }

func (h *answerHead) isEventStream() bool {
	for i := range h.fields {
		f := &h.fields[i]
		if f.kind == contentTypeField {
			kind, _, _ := bytes.Cut(f.value, []byte(";"))
			return same(trim(kind), "text/event-stream")
		}
	}
	return false
}
