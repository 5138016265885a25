package proxy

import (
	"bytes"
	"io"
	"sync/atomic"

	"sluice/access"
	"sluice/backend"
	"sluice/metrics"
	"sluice/sock"
)

// tunnel is what becomes of two connections when the backend has agreed to another protocol (RFC 9110, section 7.8): bytes both ways,
// each as fast as the other side takes them, until both have ended or one fails. It has no time limit while both directions are open;
// TCP's keep-alive finds out who is gone.
type tunnel struct {
	x *exchange
	// half says that one direction has ended: then the other may be silent for the backend's idle time, and no longer.
	half atomic.Bool
	// failed says that it did not end properly: then both sides are reset, so that neither takes it for an end.
	failed atomic.Bool
}

// tunnel passes the 101 on and joins the connections. What is judged is the handshake; the stream is in flight until it ends.
func (x *exchange) tunnel(e *backend.Endpoint) bool {
	e.Stream(x.up.conn, x.client.sock)
	x.deadline, x.up.deadline = 0, 0
	x.up.conn.Expire(0)
	n := noted{requestID: x.id, cookie: x.cookie, persistence: "Connection: Upgrade\r\nUpgrade: " + string(x.answer.protocol()) + "\r\n"}
	if x.table.DebugHeaders {
		n.backend, n.reason = x.forward.backend, x.choice.Reason.String()
	}
	x.out = x.answer.appendPass(x.out[:0], &n)
	x.begun = true
	if x.give(x.out) != nil {
		return x.clientGone(101)
	}
	now := metrics.Now()
	x.judge(metrics.Outcome{At: now})
	x.meter().Answer(x.method, 101, now.Sub(x.start), x.client.shard)
	x.logged(101, now, access.Whole)

	t := tunnel{x: x}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		t.flow(&x.client.in, x.client.sock, x.up.conn.Sock)
	}()
	t.flow(&x.up.in, x.up.conn.Sock, x.client.sock)
	<-sent
	if t.failed.Load() {
		x.client.reset()
		x.up.conn.Reset()
	}
	x.up.discard()
	return false
}

// flow carries one direction, and its end. While nothing comes it holds no buffer.
func (t *tunnel) flow(in *inbound, from, to *sock.Sock) {
	defer t.x.client.server.caught(t.fail)
	for {
		err := in.await()
		switch {
		case err == io.EOF:
			t.endHalf(to)
			return
		case err != nil:
			t.fail()
			return
		}
		if t.half.Load() {
			from.Expire(after(metrics.Now(), t.x.up.timeouts.Idle))
		}
		if _, err := to.Write(in.unread()); err != nil {
			t.fail()
			return
		}
		in.use(len(in.unread()))
	}
}

// endHalf tells the receiver that nothing more is coming. What it still says it says to one who listens, but not for ever: a client
// that is gone altogether looks the same.
func (t *tunnel) endHalf(to *sock.Sock) {
	half, ok := to.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		t.fail()
		return
	}
	t.half.Store(true)
	to.Expire(after(metrics.Now(), t.x.up.timeouts.Idle))
}

// fail ends both directions at once.
func (t *tunnel) fail() {
	t.failed.Store(true)
	t.x.client.sock.Cut()
	t.x.up.conn.Cut()
}

// switchable says whether an Upgrade field asks for what may become a tunnel. Protocols in which further requests could be asked, past
// the routes and with any field, may not.
func switchable(protocols []byte) bool {
	for rest := protocols; len(rest) > 0; {
		var one []byte
		one, rest, _ = bytes.Cut(rest, []byte(","))
		name, version, _ := bytes.Cut(trim(one), []byte("/"))
		if len(name) == 0 || !all(name, isToken) || !all(version, isToken) || same(name, "http") || same(name, "tls") ||
			len(name) >= 2 && same(name[:2], "h2") {
			return false
		}
	}
	return len(protocols) > 0
}

// protocol is the one that the answer switches to; empty when it is not exactly one.
func (h *answerHead) protocol() []byte {
	var found []byte
	for i := range h.fields {
		if f := &h.fields[i]; f.kind == upgradeField {
			if found != nil {
				return nil
			}
			found = f.value
		}
	}
	return found
}

// switchesTo says whether the answer, a 101, switches to one of the protocols that were asked for.
func (h *answerHead) switchesTo(asked []byte) bool {
	connected := false
	for i := range h.fields {
		f := &h.fields[i]
		connected = connected || f.kind == connectionField && listed(f.value, "upgrade")
	}
	p := h.protocol()
	return connected && len(p) > 0 && bytes.IndexByte(p, ',') < 0 && listedFold(asked, p)
}
