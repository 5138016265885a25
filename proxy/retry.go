package proxy

import (
	"math/rand/v2"
	"slices"

	"sluice/backend"
	"sluice/metrics"
	"sluice/selector"
)

// again gives a request that failed another chance, where the route wants that: f is the failure, or nil for an answer of 5xx. It
// returns what became of it at last; the answer, if there is one, is in x.answer. Every attempt but the last one is counted here.
func (x *exchange) again(f *failure) *failure {
	if r := x.route.Retry; r != nil {
		var tried [maxTries]*backend.Endpoint
		for tries := 0; tries < min(r.Attempts, maxTries) && x.retries(f); tries++ {
			tried[tries] = x.endpoint
			next := x.another(tried[:tries+1])
			now := metrics.Now()
			if next == nil || !r.Budget.Take(now) {
				break
			}
			x.setAside(f, now, retryReason(f, x.answer.status))
			f = x.retry(next, now)
		}
	}
	if x.rescues(f) {
		f = x.rescue(f)
	}
	return f
}

// maxTries is the most retries of a request that the configuration allows.
const maxTries = 10

// another is the endpoint for the next attempt: one that was not tried yet, where there is one that takes requests.
func (x *exchange) another(tried []*backend.Endpoint) *backend.Endpoint {
	b, draw := x.route.Backends[x.choice.Backend], rand.Uint64()
	next := b.Choose(backend.Ask{Draw: draw, Key: x.choice.Key, Except: x.endpoint})
	if !slices.Contains(tried, next) {
		return next
	}
	all := b.Endpoints()
	for i := range all {
		if e := all[(draw+uint64(i))%uint64(len(all))]; e.Healthy() && !e.Ejected() && !slices.Contains(tried, e) {
			return e
		}
	}
	return next
}

// retries says whether the route sends a request with such an end again.
func (x *exchange) retries(f *failure) bool {
	r, status := x.route.Retry, x.answer.status
	if f != nil {
		status = f.status
	}
	takes := r.Takes(f != nil && f.unreachable, status) || f == failRefused && r.Refused
	return takes && x.resendable(f) && r.Methods[x.method] && x.failedStill(f)
}

// failedStill says that the last attempt has failed, and is not an answer that the client may have.
func (x *exchange) failedStill(f *failure) bool { return f != nil || x.answer.status >= 500 }

// resendable says whether the request can be sent once more: no part of it has gone out that we don't hold, and there is time.
func (x *exchange) resendable(f *failure) bool {
	return f != failGone && !x.request.pumping && !x.head.upgrade && !x.client.server.forced.Load() &&
		(x.deadline == 0 || metrics.Now() < x.deadline)
}

// setAside counts an attempt that is not the answer.
func (x *exchange) setAside(f *failure, now metrics.Instant, why metrics.RetryReason) {
	x.up.discard()
	o := metrics.Outcome{At: now, Failed: true}
	if f != nil {
		x.meter().UpstreamError(f.kind)
		o.Unreachable, o.Void = f.unreachable, f.blameless || f.stale
	}
	x.judge(o)
	x.meter().Retried(why)
}

// retry sends the request to another endpoint. It is no first attempt, so nobody is judged by it.
func (x *exchange) retry(e *backend.Endpoint, now metrics.Instant) *failure {
	x.endpoint.End()
	x.endpoint = e
	e.Begin()
	x.tried = now
	x.arrival = x.meter().Begin(now, metrics.Other, x.client.shard)
	x.limitTry()
	x.answer.status = 0
	return x.answerFrom(e)
}

// limitTry sets the time of an attempt that may be followed by another.
func (x *exchange) limitTry() {
	x.up.deadline = x.deadline
	if r := x.route.Retry; r != nil && r.Methods[x.method] && x.request.body.done {
		x.up.deadline = sooner(x.deadline, after(x.tried, r.PerTry))
	}
}

func retryReason(f *failure, status int) metrics.RetryReason {
	if f != nil {
		status = f.status
	}
	switch {
	case f != nil && f.unreachable:
		return metrics.RetryConnect
	case f == failRefused:
		return metrics.RetryRefused
	case status == 503:
		return metrics.Retry503
	case status == 504:
		return metrics.Retry504
	}
	return metrics.Retry502
}

// rescues says whether another backend is to answer a request that failed on the canary.
func (x *exchange) rescues(f *failure) bool {
	r := x.route.Rescue
	if r == nil || x.choice.Reason == selector.Override || !x.failedStill(f) || !idempotent(x.method) || !x.request.body.done || !x.resendable(f) {
		return false
	}
	to := x.route.Index(r.To)
	return x.onCanary() && to >= 0 && to != x.choice.Backend && x.route.Backends[to].Available()
}

func (x *exchange) onCanary() bool { return x.choice.Backend == x.route.Selector.Split().Canary }

// rescue lets the other backend answer. The failure counts in full before.
func (x *exchange) rescue(f *failure) *failure {
	to := x.route.Index(x.route.Rescue.To)
	b := x.route.Backends[to]
	e := b.Choose(backend.Ask{Draw: rand.Uint64(), Key: x.choice.Key})
	if e == nil {
		return f
	}
	now := metrics.Now()
	x.setAside(f, now, metrics.RetryRescue)
	x.readdress(b.Name())
	x.choice.Backend, x.choice.Cohort = to, metrics.Other
	x.up.timeouts = b.Timeouts()
	return x.retry(e, now)
}

// readdress writes another backend's name into the head that is ready to be sent. The request's own bytes may be gone by now.
func (x *exchange) readdress(name string) {
	w := &x.forward
	kept := x.headLength - len("Sluice-Backend: \r\nSluice-Route: \r\n\r\n") - len(w.backend) - len(w.route)
	next := appendField(append(x.end[:0], x.out[:kept]...), "Sluice-Backend: ", name)
	next = append(next, x.out[kept+len("Sluice-Backend: \r\n")+len(w.backend):]...)
	x.headLength += len(name) - len(w.backend)
	w.backend = name
	x.out, x.end = next, x.out
}

// gather reads a body that has not arrived whole and is short enough to be kept, before anything is sent: once a part of it has gone
// to the canary, nobody else could answer. A client that waits to be asked for its body sends nothing before the backend has spoken.
func (x *exchange) gather() *refusal {
	r, limit := &x.request, x.route.Rescue.BodyBytes
	if r.body.done || !idempotent(x.method) || x.head.framing != fixed || x.head.length > limit || x.head.expect || !x.onCanary() {
		return nil
	}
	r.deadline = x.deadline
	allowance := x.front.Limits.bodyWindow()
	for !r.body.done {
		before := metrics.Now()
		if r.receive(before, allowance) != nil {
			return r.fault
		}
		allowance = r.earn(allowance, metrics.Now().Sub(before))
		if r.step(func(piece []byte) error { x.out = append(x.out, piece...); return nil }) != nil {
			return r.fault
		}
	}
	x.client.sock.Expire(0)
	return nil
}

// leave counts the request out at the endpoint that has it now.
func (x *exchange) leave() { x.endpoint.End() }
