package proxy

import (
	"net/netip"

	"sluice/access"
	"sluice/backend"
	"sluice/metrics"
	"sluice/request"
)

// carry takes the request to the chosen backend and the answer to the client, and counts both.
func (x *exchange) carry() bool {
	b := x.route.Backends[x.choice.Backend]
	x.forward.changes, x.forward.target = x.route.Changes, nil
	if c := x.route.Changes; c != nil && c.Rewrite != nil {
		if r := x.rewriteTarget(c.Rewrite); r != nil {
			x.client.server.Process.ClientError(metrics.ClientBadRequest)
			return x.own(r.status, r.reason)
		}
	}
	x.deadline = after(x.start, x.route.Timeout)
	if x.call = x.client.stream != nil && x.head.calls(); x.call {
		x.deadline = 0
	}
	x.up.timeouts, x.up.deadline, x.up.upgrade = b.Timeouts(), x.deadline, x.head.upgrade
	x.arrival = x.meter().Begin(x.start, x.choice.Cohort, x.client.shard)
	x.countUser()
	if c := x.route.Conversion; c != nil {
		x.visit(c)
	}
	e := b.Choose(backend.Ask{Draw: x.draw.Lo, Key: x.choice.Key})
	if e == nil {
		return x.fail(failHealth)
	}
	x.endpoint, x.tried = e, x.start
	e.Begin()
	defer x.leave()

	x.forward.origin = e.Host()
	x.out = x.head.appendForward(x.out[:0], &x.forward)
	x.headLength = len(x.out)
	var fault *refusal
	if x.out, fault = x.request.prepare(x, x.out); fault != nil {
		return x.clientFault()
	}
	if x.route.Rescue != nil && x.gather() != nil {
		return x.clientFault()
	}
	if m := x.route.Mirror; m != nil {
		x.mirror(m)
	}
	if x.client.in.empty() && x.request.body.done && !x.head.upgrade {
		x.client.in.release() // while the backend works, others can use it: of the head only a wish to upgrade is still asked for
	}
	if r := x.route.Retry; r != nil {
		r.Budget.Count(x.start)
		x.limitTry()
	}
	f := x.answerFrom(e)
	if (f != nil || x.answer.status >= 500) && (x.route.Retry != nil || x.route.Rescue != nil) {
		f = x.again(f)
	}
	x.up.deadline = x.deadline
	if f != nil {
		return x.fail(f)
	}
	if x.answer.status == 101 {
		return x.tunnel(x.endpoint)
	}
	return x.pass(x.endpoint)
}

// answerFrom gets the head of an answer: at the second go when the first met a connection that the backend had closed already, or closes.
func (x *exchange) answerFrom(e *backend.Endpoint) *failure {
	f := x.attempt(e, false)
	if f != nil && f.stale && x.replayable(f) {
		x.meter().Retried(metrics.RetryStale)
		x.up.discard()
		f = x.attempt(e, true)
	}
	if f == failRetired {
		f = failRefused // the client gets an error for it: that is no connection's end in passing
	}
	return f
}

// replayable says whether sending the request again can do no harm: it is whole in our hands, and doing it twice is the same as doing
// it once (RFC 9110, section 9.2.2), or it was not done at all.
func (x *exchange) replayable(f *failure) bool {
	return !x.request.pumping && (f == failRetired || idempotent(x.method))
}

func idempotent(m metrics.Method) bool {
	switch m {
	case metrics.MethodGet, metrics.MethodHead, metrics.MethodOptions, metrics.MethodPut, metrics.MethodDelete:
		return true
	}
	return false
}

// attempt sends the request over one connection and reads until the head of the final answer is whole.
func (x *exchange) attempt(e *backend.Endpoint, fresh bool) *failure {
	if f := x.send(e, fresh); f != nil {
		return f
	}
	for {
		if f := x.up.scan(&x.answer, x.toHEAD); f != nil {
			return f
		}
		if !x.answer.interim() {
			return nil
		}
		if x.answer.status == 101 {
			if x.head.upgrade && x.answer.switchesTo(x.head.protocol) {
				x.up.looked()
				return nil
			}
			return failMalformed // nobody asked, or for something else
		}
		x.up.looked()
		if x.passInterim() != nil {
			return failGone
		}
	}
}

// send writes the request on the first connection that is fit for it. One found stale before is no attempt, whatever the method.
func (x *exchange) send(e *backend.Endpoint, fresh bool) *failure {
	for {
		if f := x.up.connect(e, x.tried, fresh); f != nil {
			return f
		}
		whole := x.request.body.done
		x.up.expectAnswer(x.tried, whole)
		stale, err := x.up.send(x.out, whole)
		switch {
		case stale:
			x.up.discard()
			continue
		case err != nil && whole:
			return x.up.silence(err)
		}
		x.request.begin()
		return nil
	}
}

// passInterim gives a 1xx to the client, who may wait for it before sending the body. HTTP/1.0 knows none.
func (x *exchange) passInterim() error {
	if x.head.http10 {
		return nil
	}
	var interim [512]byte
	n := noted{}
	if c := x.route.Conversion; c != nil {
		n.strip = c.Header
	}
	out := x.answer.appendPass(interim[:0], &n)
	return x.give(out)
}

// fail answers in place of the backend.
func (x *exchange) fail(f *failure) bool {
	if f == failGone || x.up.watch.ended() {
		return x.clientGone(0)
	}
	x.request.stop()
	if x.request.broken {
		f = failBug
	}
	if x.request.fault != nil {
		return x.clientFault()
	}
	x.up.discard()
	x.meter().UpstreamError(f.kind)
	void := f.blameless || f.stale || x.client.server.forced.Load()
	x.judge(metrics.Outcome{At: metrics.Now(), Failed: true, Unreachable: f.unreachable, Void: void})
	return x.own(f.status, f.reason)
}

// clientFault ends a request whose body the client did not bring properly. The backend has nothing to do with it.
func (x *exchange) clientFault() bool {
	x.up.discard()
	now := metrics.Now()
	x.judge(metrics.Outcome{At: now, Void: true})
	x.client.server.Process.ClientError(x.request.kind)
	x.head.close = true
	if x.begun {
		x.logged(x.answer.status, now, access.ByClient)
		x.client.reset()
		return false
	}
	if x.client.sock.WasCut() {
		x.client.sock.Revive(after(metrics.Now(), lingerTime))
	}
	return x.own(x.request.fault.status, x.request.fault.reason)
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	return len(prefixes) > 0 && request.Contains(prefixes, a)
}
