package backend

import (
	"math/bits"

	"sluice/metrics"
)

// The bits of an endpoint's state. One that has none is the usual case, and one look tells.
const (
	sick    uint32 = 1 << iota // the health check says so
	ejected                    // too many requests failed in a row
	warming                    // back for a short while: it gets less than its share
)

// Ask is what an endpoint is chosen by.
type Ask struct {
	// Draw is a random number.
	Draw uint64
	// Key is the user's: consistentHash sends equal keys to the same endpoint.
	Key uint64
	// Except is taken only when there is no other; nil is none.
	Except *Endpoint
}

// Choose chooses a healthy endpoint; nil when there is none. It takes no lock and allocates nothing.
func (b *Backend) Choose(a Ask) *Endpoint {
	all := b.live.Load().here
	n := uint64(len(all))
	if n < 2 {
		if n == 0 || !all[0].Healthy() {
			return nil
		}
		return all[0]
	}
	switch b.balancing {
	case RoundRobin:
		if a.Except != nil {
			return at(all, a.Draw, a) // out of turn: a retry that took one would put every other request on the endpoint that fails
		}
		return at(all, b.next.Add(1), a)
	case ConsistentHash:
		return hashed(all, a)
	}
	first := at(all, a.Draw&0xffffffff, a)
	if b.balancing == Random || first == nil {
		return first
	}
	if second := all[(a.Draw>>32)%n]; second.takes(&a) && second.inFlight.Load() < first.inFlight.Load() {
		return second
	}
	return first
}

// at is the endpoint at place i. When that takes no requests, it is one of the others, each as likely: the neighbour of one that is
// down would get twice its share if it were simply the next.
func at(all []*Endpoint, i uint64, a Ask) *Endpoint {
	if e := all[i%uint64(len(all))]; e.takes(&a) {
		return e
	}
	usable := uint64(0)
	for _, e := range all {
		if e.takes(&a) {
			usable++
		}
	}
	if usable == 0 {
		return leastBad(all, a)
	}
	nth := mix(i) % usable
	for _, e := range all {
		if e.takes(&a) {
			if nth == 0 {
				return e
			}
			nth--
		}
	}
	return leastBad(all, a) // they changed meanwhile
}

// hashed is the endpoint with the highest hash of the key and its own address (rendezvous hashing, Thaler and Ravishankar 1998): when
// one comes or goes, only its own keys move.
func hashed(all []*Endpoint, a Ask) *Endpoint {
	var best *Endpoint
	var most uint64
	for _, e := range all {
		if h := mix(a.Key ^ e.seed); (best == nil || h > most) && e.takes(&a) {
			best, most = e, h
		}
	}
	if best == nil {
		return leastBad(all, a)
	}
	return best
}

// leastBad is a healthy endpoint where none takes requests as usual: rather one that is ejected or was asked not to be, than none.
func leastBad(all []*Endpoint, a Ask) *Endpoint {
	var found *Endpoint
	n := uint64(len(all))
	for k := range n {
		e := all[(a.Draw%n+k)%n]
		if !e.Healthy() {
			continue
		}
		if e.state.Load()&ejected == 0 && e != a.Except {
			return e
		}
		if found == nil || found == a.Except {
			found = e
		}
	}
	return found
}

// takes says whether the endpoint takes this request.
func (e *Endpoint) takes(a *Ask) bool {
	s := e.state.Load()
	if s == 0 {
		return e != a.Except
	}
	return s&(sick|ejected) == 0 && e != a.Except && e.warm(a.Draw)
}

// warm says whether an endpoint in its slow start takes a request: with a probability that grows with the time it has been back.
func (e *Endpoint) warm(draw uint64) bool {
	age, whole := int64(metrics.Now())-e.since.Load(), int64(e.backend.slowStart)
	if age >= whole {
		e.state.And(^warming)
		return true
	}
	const least = 64 // a part of the whole: it gets some at once, or it would never warm up
	u, _ := bits.Mul64(mix(draw^e.seed), uint64(whole))
	return int64(u) < max(age, whole/least)
}

// warmUp begins the slow start.
func (e *Endpoint) warmUp() {
	if e.backend.slowStart > 0 {
		e.since.Store(int64(metrics.Now()))
		e.state.Or(warming)
	}
}

// found notes what the health check says; back says that an endpoint which is well again has been away.
func (e *Endpoint) found(well, back bool) {
	if !well {
		e.state.Or(sick)
		return
	}
	if e.Healthy() {
		return
	}
	if back {
		e.warmUp()
	}
	e.state.And(^sick)
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014; Stafford's variant 13).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// all are the endpoints with requests: those in force and those that are leaving.
func (b *Backend) all() []*Endpoint {
	m := b.live.Load()
	if len(m.leaving) == 0 {
		return m.here
	}
	return append(m.here[:len(m.here):len(m.here)], m.leaving...)
}
