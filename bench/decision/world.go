package decision

import (
	"math"
	"math/rand/v2"
	"time"
)

const (
	tick        = 100 * time.Millisecond
	ticksSecond = int64(time.Second / tick)
	// historyTime is how long stable ran before the start.
	historyTime = 60 * time.Second
)

// Request is one request as a policy sees it.
type Request struct {
	Canary bool
	Failed bool
	// User is 0 where nobody is known.
	User uint64
	// Converts says that its user will, where that is asked.
	Converts bool
	// Latency is 0 for a failure, which ends at once.
	Latency time.Duration
}

// world plays a scenario.
type world struct {
	s        *Scenario
	r        *rand.Rand
	requests []Request
	luck     []float64 // of users
	place    []float64
	pods     *pods
}

func newWorld(s *Scenario, seed uint64) *world {
	w := &world{s: s, r: rand.New(rand.NewPCG(seed, 0x51CE))}
	for range s.Users {
		w.luck = append(w.luck, w.r.Float64())
		w.place = append(w.place, w.r.Float64())
	}
	if s.Pods != nil {
		w.pods = newPods(s.Pods, w.r)
	}
	return w
}

// tick is 100 ms of arrivals, t seconds after the start, at a weight between 0 and 1. The list is overwritten by the next.
func (w *world) tick(t, weight float64) []Request {
	w.requests = w.requests[:0]
	if w.s.Share != nil {
		weight = w.s.Share(weight)
	}
	errors := [2]float64{}
	if w.s.Error != nil {
		errors = [2]float64{w.s.Error(false, t), w.s.Error(true, t)}
	}
	if w.pods != nil {
		w.pods.apply(t, &errors)
	}
	for range w.arrivals(w.s.Rate * tick.Seconds()) {
		w.requests = append(w.requests, w.request(t, weight, &errors))
	}
	return w.requests
}

func (w *world) request(t, weight float64, errors *[2]float64) Request {
	if w.s.Users > 0 {
		return w.byUser(weight)
	}
	q := Request{Canary: w.r.Float64() < weight}
	p := errors[0]
	if q.Canary {
		p = errors[1]
	}
	q.Failed = w.r.Float64() < p
	if w.s.Convert != nil {
		q.Converts = w.r.Float64() < w.s.Convert(q.Canary)
	}
	if w.s.Latency != nil && !q.Failed {
		q.Latency = w.s.Latency(q.Canary, t, w.r.NormFloat64(), w.r.Float64())
	}
	return q
}

func (w *world) byUser(weight float64) Request {
	u := w.r.IntN(w.s.Users)
	q := Request{Canary: w.place[u] < weight, User: uint64(u + 1)}
	q.Failed = w.r.Float64() < w.s.UserError(q.Canary, w.luck[u])
	return q
}

// arrivals is a Poisson number.
func (w *world) arrivals(mean float64) int {
	if mean > 30 { // in halves: exp(-mean) must not vanish, and a sum of two is one of the sum
		return w.arrivals(mean/2) + w.arrivals(mean/2)
	}
	limit, n := math.Exp(-mean), 0
	for p := w.r.Float64(); p > limit; p *= w.r.Float64() {
		n++
	}
	return n
}
