package router

import (
	"sync/atomic"
	"time"

	"sluice/metrics"
	"sluice/selector"
)

// Retry is when a request that failed is sent again. What is judged is the first attempt, whatever comes of it.
type Retry struct {
	Attempts int // after the first
	// Connect, Refused for streams that the backend refused unprocessed, and the status that the client would get, of the backend or of us:
	// what is tried again.
	Connect, Refused bool
	S502, S503, S504 bool
	PerTry           time.Duration // until the answer begins; 0 is no limit of its own
	Methods          [metrics.NumMethods]bool
	Budget           Budget
}

// Takes says whether a request with such an end is sent again.
func (r *Retry) Takes(unreachable bool, status int) bool {
	return unreachable && r.Connect || status == 502 && r.S502 || status == 503 && r.S503 || status == 504 && r.S504
}

// Rescue lets another backend answer an idempotent request that failed on the canary.
type Rescue struct {
	To        selector.Target
	BodyBytes int64 // the longest body that is kept for it
}

// Index is the backend that a target leads to now; -1 when there is none.
func (r *Route) Index(t selector.Target) int {
	switch split := r.Selector.Split(); t {
	case NoFallback:
		return -1
	case selector.ToStable:
		return split.Stable
	case selector.ToCanary:
		return split.Canary
	default:
		return int(t)
	}
}

const (
	budgetSlots = 10
	budgetSlot  = time.Second
	// budgetFree retries are allowed in a window without any request to earn them: a quiet route may retry too.
	budgetFree = 3
)

// Budget bounds retries to a share of the requests of the last ten seconds, so that a backend in trouble does not get more work for
// it. It takes no lock: at the edge of a second a few may be miscounted.
type Budget struct {
	Share uint32 // basis points
	slots [budgetSlots]budgetCount
}

type budgetCount struct {
	second            atomic.Int64
	requests, retries atomic.Uint32
}

// Count counts a first attempt.
func (b *Budget) Count(now metrics.Instant) { b.slot(now).requests.Add(1) }

// Take says whether a retry may be made, and counts it.
func (b *Budget) Take(now metrics.Instant) bool {
	s := b.slot(now)
	var requests, retries uint64
	for i := range b.slots {
		if o := &b.slots[i]; o.second.Load() > s.second.Load()-budgetSlots {
			requests += uint64(o.requests.Load())
			retries += uint64(o.retries.Load())
		}
	}
	if retries >= budgetFree && (retries+1)*10000 > requests*uint64(b.Share) {
		return false
	}
	s.retries.Add(1)
	return true
}

func (b *Budget) slot(now metrics.Instant) *budgetCount {
	second := int64(now) / int64(budgetSlot)
	s := &b.slots[uint64(second)%budgetSlots]
	if old := s.second.Load(); old != second && s.second.CompareAndSwap(old, second) {
		s.requests.Store(0)
		s.retries.Store(0)
	}
	return s
}
