package proxy

import (
	"math/rand/v2"

	"sluice/backend"
	"sluice/metrics"
	"sluice/router"
	"sluice/selector"
)

// mirror begins a copy of the request for another backend, where the route wants one: what out holds is written down, and the copy goes
// off by itself when the body is whole. Nothing is waited for, and whatever becomes of it, the request never hears of it.
func (x *exchange) mirror(m *router.Mirror) {
	if m.OnTrial && !x.route.Selector.Split().Copies {
		return
	}
	to := x.route.Index(m.To)
	if to < 0 || to == x.choice.Backend || !m.Methods[x.method] || x.head.upgrade || x.call || x.choice.Reason == selector.Override || !hit(m.Percent) {
		return
	}
	b, meter := x.route.Backends[to], x.route.Meters[to]
	e := b.Choose(backend.Ask{Draw: rand.Uint64(), Key: x.choice.Key})
	tooLong := x.head.framing == fixed && x.head.length > m.BodyBytes || x.request.sent > m.BodyBytes
	nameless := len(x.head.host) == 0 && (x.forward.changes == nil || x.forward.changes.Host == "") // its Host is the other endpoint's
	if e == nil || tooLong || nameless || x.client.server.retiring.Load() {
		meter.Mirrored(metrics.MirrorSkipped, x.client.shard)
		return
	}
	c := newMirrorCopy(x, m, e, meter)
	c.timeouts = b.Timeouts()
	c.readdress(x.out, x.headLength, &x.forward, b.Name())
	if !m.Room.Hold(len(c.buf)) {
		meter.Mirrored(metrics.MirrorDropped, x.client.shard)
		c.free()
		return
	}
	c.held = len(c.buf)
	if x.request.body.done {
		c.goOff(x)
		return
	}
	x.request.copy = c
}

// original is a request whose copy is compared with it.
type original struct {
	meter   *metrics.Meter // nil is none
	arrival metrics.Arrival
}

// comparable begins to count the request and its copy side by side, where somebody compares them and the request was drawn.
func (x *exchange) comparable(c *mirrorCopy) {
	p := c.mirror.Pair
	if p == nil || x.choice.Cohort != metrics.Drawn && x.choice.Cohort != metrics.Mimic {
		return
	}
	c.compared, c.beside = p.Copies, p.Copies.Begin(c.began, metrics.Drawn, c.shard)
	x.original = original{p.Originals, p.Originals.Begin(c.began, metrics.Drawn, c.shard)}
}

// readdress writes the request as the other backend gets it: under its name, and marked as a copy.
func (c *mirrorCopy) readdress(out []byte, headLength int, w *forwarded, name string) {
	kept := headLength - len("Sluice-Backend: \r\nSluice-Route: \r\n\r\n") - len(w.backend) - len(w.route)
	c.buf = appendField(append(c.buf[:0], out[:kept]...), "Sluice-Backend: ", name)
	c.buf = append(c.buf, "Sluice-Mirror: true\r\n"...)
	c.buf = append(c.buf, out[kept+len("Sluice-Backend: \r\n")+len(w.backend):]...)
}

// note adds a piece of the body to the copy that waits for the rest, if there is one.
func (r *requestBody) note(piece []byte) {
	c := r.copy
	if c == nil {
		return
	}
	switch {
	case r.sent > c.mirror.BodyBytes:
		r.dropCopy(metrics.MirrorSkipped)
	case !c.mirror.Room.Hold(len(piece)):
		r.dropCopy(metrics.MirrorDropped)
	default:
		c.held += len(piece)
		c.buf = append(c.buf, piece...)
	}
}

// copyWhole lets the copy go off: the body has come to its end.
func (r *requestBody) copyWhole() {
	if c := r.copy; c != nil {
		r.copy = nil
		c.goOff(r.x)
	}
}

// dropCopy gives up a copy that has not gone off.
func (r *requestBody) dropCopy(why metrics.MirrorResult) {
	if c := r.copy; c != nil {
		r.copy = nil
		c.meter.Mirrored(why, c.shard)
		c.free()
	}
}
