package metrics

import (
	"math"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"
)

// maxShards bounds Config.Shards.
const maxShards = 256

// Config describes a Meter.
type Config struct {
	// Shards that goroutines spread over, rounded up to a power of two; 0 is GOMAXPROCS, at most 8.
	Shards int
	// Blocks keeps attempts by the time of their arrival, for Window, Tally and Pending: where a route has two or more backends.
	Blocks bool
}

// Meter counts one backend of one route. Writing takes no lock and, once warm, no memory; any goroutine may write and read.
//
// A Meter that is not used weighs under 256 bytes with 8 shards. In use each shard takes 1.7 KB and 0.25 to 1 KB for each class of codes
// and power of two of durations; with Blocks 32 KiB a shard and about 128 KiB of latencies a meter (half of it where nobody is pinned).
type Meter struct {
	shards  []atomic.Pointer[shard]
	mask    uint32
	blocks  bool
	newest  atomic.Int64 // the newest block that an attempt has arrived in
	latency atomic.Pointer[latencyRing]
	row     atomic.Uint32 // unreachable attempts in a row
	uses    atomic.Pointer[uses]
}

// Arrival is an attempt that has begun. The request keeps it for End; it holds no pointer.
type Arrival struct {
	at     Instant
	shard  uint16
	cohort Cohort
	state  arrivalState
}

type arrivalState uint8

const (
	notBegun arrivalState = iota
	begun                 // in the totals only
	inBlock               // in its block too
)

// At is when the attempt arrived.
func (a Arrival) At() Instant { return a.at }

// Outcome is how an attempt ended.
type Outcome struct {
	At          Instant // its latency is At minus the arrival
	Failed      bool    // the backend's fault
	Unreachable bool    // no connection could be made; implies Failed
	Void        bool    // the client's fault: the attempt is taken back, whatever the other fields say
}

// New makes a Meter.
func New(c Config) *Meter {
	n := c.Shards
	if n <= 0 {
		n = min(runtime.GOMAXPROCS(0), 8)
	}
	n = 1 << bits.Len(uint(min(n, maxShards)-1))
	m := &Meter{shards: make([]atomic.Pointer[shard], n), mask: uint32(n - 1), blocks: c.Blocks}
	m.newest.Store(math.MinInt64 / 2) // before all arrivals: instants may be negative
	return m
}

// Begin counts an attempt in, at its moment of arrival. Any number does for shard; goroutines with different ones get in each other's
// way less. Every Arrival goes to End once.
func (m *Meter) Begin(at Instant, c Cohort, shard uint32) Arrival {
	a := Arrival{at: at, shard: uint16(shard & m.mask), cohort: c, state: begun}
	s := lazily(&m.shards[a.shard])
	lazily(&s.counters).attempts[c].begun.Add(1)
	if m.blocks {
		n := at.whole(blockTime)
		m.reach(n)
		if lazily(&s.blocks).begin(n, c) {
			a.state = inBlock
		}
	}
	return a
}

// reach raises the newest block to n. It goes before every write to a ring (word.go).
func (m *Meter) reach(n int64) {
	for old := m.newest.Load(); old < n && !m.newest.CompareAndSwap(old, n); {
		old = m.newest.Load()
	}
}

// End counts an attempt out, on the block in which it arrived as long as that is kept. The zero Arrival is not counted.
func (m *Meter) End(a Arrival, o Outcome) {
	if a.state == notBegun {
		return
	}
	s := m.shards[a.shard].Load()
	attempts := &s.counters.Load().attempts[a.cohort]
	n, kept := a.at.whole(blockTime), a.state == inBlock
	switch {
	case o.Void:
		attempts.begun.Add(^uint64(0))
		if kept {
			s.blocks.Load().void(n, a.cohort)
		}
		return
	case o.Failed || o.Unreachable:
		attempts.failed.Add(1)
		if kept {
			s.blocks.Load().failed(n, a.cohort)
		}
	default:
		attempts.good.Add(1)
		if kept {
			s.blocks.Load().good(n, a.cohort)
			m.recordLatency(a, o.At.Sub(a.at))
		}
	}
	m.countUnreachable(a.cohort, o.Unreachable)
}

func (m *Meter) recordLatency(a Arrival, d time.Duration) {
	if a.cohort.judged() {
		lazily(&m.latency).record(a.at.whole(latencyTime), a.cohort, d)
	}
}

func (m *Meter) countUnreachable(c Cohort, unreachable bool) {
	switch {
	case !c.judged():
	case unreachable:
		m.row.Add(1)
	case m.row.Load() != 0: // asked first: the line stays with every core as long as nobody writes
		m.row.Store(0)
	}
}

// UnreachableRow is how many judged attempts in a row, in the order of their ends, found no connection.
func (m *Meter) UnreachableRow() uint32 { return m.row.Load() }

// Answer counts an answer to a client, after latency in all. A code outside 0 … 999 is counted as 0.
func (m *Meter) Answer(method Method, code int, latency time.Duration, shard uint32) {
	lazily(&lazily(&m.shards[shard&m.mask]).answers).record(method, code, latency)
}

// Selected counts a request that was sent here, by the selector's reason.
func (m *Meter) Selected(reason uint8, shard uint32) {
	count(m.counters(shard & m.mask).selections[:], reason)
}

// Visited counts a user's visit that began here (Visits).
func (m *Meter) Visited(shard uint32) { m.counters(shard & m.mask).visits[0].Add(1) }

// Converted counts a visit that began here and has converted.
func (m *Meter) Converted(shard uint32) { m.counters(shard & m.mask).visits[1].Add(1) }

// UpstreamError counts an error of the backend.
func (m *Meter) UpstreamError(kind UpstreamError) { count(m.counters(0).upstream[:], kind) }

// Retried counts a request that was sent again.
func (m *Meter) Retried(reason RetryReason) { count(m.counters(0).retries[:], reason) }

// Mirrored counts a request that was to be copied to the backend.
func (m *Meter) Mirrored(r MirrorResult, shard uint32) {
	count(m.counters(shard & m.mask).mirrored[:], r)
}

func (m *Meter) counters(shard uint32) *counters { return lazily(&lazily(&m.shards[shard]).counters) }
