package backend

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"sluice/metrics"
)

// Outlier excludes an endpoint whose requests fail in a row, for a while that grows each time. The last endpoint that takes requests is
// never excluded: what it fails is the backend's failure, and is judged.
type Outlier struct {
	ConsecutiveErrors int
	EjectFor          time.Duration
	MaxEjected        uint32 // share of the endpoints in basis points; one may be excluded in any case
}

// outlier compares each endpoint with the backend's own past, not with its fellows: with one or two there is no crowd to compare with.
// A backend of which half the requests fail has five failures in a row all the time; there a longer row is needed.
type outlier struct {
	Outlier
	needed atomic.Int32 // failures in a row
	// good and bad are the past that fades; of who runs the backend.
	good, bad float64
	mu        sync.Mutex // one ejection at a time
}

// record is what an endpoint's requests have shown.
type record struct {
	row       atomic.Int32  // failures in a row
	good, bad atomic.Uint64 // since learn looked; failures of the present row are not among them
	// What follows is guarded by outlier.mu.
	times int             // ejections, each longer
	until metrics.Instant // end of the last one
}

const (
	// surprise is how unlikely a row of failures has to be, given the past.
	surprise = 1e-6
	// fade is what a second leaves of the past: half of it after 69 s.
	fade = 0.99
	// pastFailures of pastRequests is what is believed of a backend without a past.
	pastFailures, pastRequests = 0.5, 100
	// longest bounds the growth of ejections: 2⁵ times the first.
	longest = 5
)

func newOutlier(c Outlier) *outlier {
	o := &outlier{Outlier: c}
	o.needed.Store(int32(c.ConsecutiveErrors))
	return o
}

// Note counts how a request at the endpoint ended. Requests that nobody or the client is to blame for are not told.
func (e *Endpoint) Note(failed bool) {
	if r := e.record; r != nil {
		r.note(e, failed)
	}
}

func (r *record) note(e *Endpoint, failed bool) {
	if !failed {
		if r.row.Load() != 0 {
			r.bad.Add(uint64(max(0, r.row.Swap(0))))
		}
		r.good.Add(1)
		return
	}
	o := e.backend.outlier
	if n, needed := r.row.Add(1), o.needed.Load(); n >= needed && n%needed == 0 {
		o.eject(e, metrics.Now())
	}
}

// eject excludes the endpoint for a while, unless too few would be left.
func (o *outlier) eject(e *Endpoint, now metrics.Instant) {
	o.mu.Lock()
	defer o.mu.Unlock()
	here := e.backend.Endpoints()
	healthy, out := 0, 0
	for _, other := range here {
		s := other.state.Load()
		if s&ejected != 0 {
			out++
		} else if s&sick == 0 {
			healthy++
		}
	}
	most := max(1, len(here)*int(o.MaxEjected)/10000)
	if e.state.Load()&(sick|ejected) != 0 || healthy <= 1 || out >= most {
		return
	}
	r := e.record
	if now.Sub(r.until) > o.length(r.times) {
		r.times = 0 // well for as long as it was out
	}
	r.times++
	wait := o.length(r.times)
	r.until = now.Add(wait)
	e.state.Or(ejected)
	time.AfterFunc(wait, func() {
		r.row.Store(0)
		e.warmUp()
		e.state.And(^ejected)
	})
}

// length is how long the n-th ejection in a row takes.
func (o *outlier) length(n int) time.Duration { return o.EjectFor << min(max(n-1, 0), longest) }

// learn adds the last second to the past, and says how long a row has to be from now on.
func (o *outlier) learn(here []*Endpoint) {
	if o == nil {
		return
	}
	o.good, o.bad = o.good*fade, o.bad*fade
	for _, e := range here {
		o.good += float64(e.record.good.Swap(0))
		o.bad += float64(e.record.bad.Swap(0))
	}
	share := (o.bad + pastFailures) / (o.good + o.bad + pastRequests)
	o.needed.Store(int32(max(o.ConsecutiveErrors, rowFor(share))))
}

// rowFor is the length of a row of failures that is a surprise where this share of requests fails.
func rowFor(share float64) int {
	return int(min(math.Ceil(math.Log(surprise)/math.Log(share)), 1000))
}

// Ejected says that the endpoint is excluded for its failures.
func (e *Endpoint) Ejected() bool { return e.state.Load()&ejected != 0 }
