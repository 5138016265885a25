package metrics

import "sync/atomic"

// Process counts what belongs to no backend. Its zero value is ready; it is used by many goroutines and must not be copied.
type Process struct {
	clientErrors [NumClientErrors]atomic.Uint64
	panics       atomic.Uint64
	keyFetches   [2]atomic.Uint64 // taken, failed
}

// ClientError counts an error that a client made.
func (p *Process) ClientError(kind ClientError) { count(p.clientErrors[:], kind) }

// Panicked counts a request that met a bug of ours.
func (p *Process) Panicked() { p.panics.Add(1) }

// KeysFetched counts a fetch of the keys of tokens: of new ones, or a failed one.
func (p *Process) KeysFetched(ok bool) {
	if ok {
		p.keyFetches[0].Add(1)
	} else {
		p.keyFetches[1].Add(1)
	}
}

// KeyFetches are the fetches of keys since the start.
func (p *Process) KeyFetches() (taken, failed uint64) {
	return p.keyFetches[0].Load(), p.keyFetches[1].Load()
}

// Panics is how many requests met a bug of ours.
func (p *Process) Panics() uint64 { return p.panics.Load() }

// ClientErrors are the clients' errors since the start, by kind.
func (p *Process) ClientErrors() (sums [NumClientErrors]uint64) {
	addCounters(sums[:], p.clientErrors[:])
	return sums
}

// count adds one to counter i; a value outside the enumeration is not counted.
func count[I ~uint8](counters []atomic.Uint64, i I) {
	if int(i) < len(counters) {
		counters[i].Add(1)
	}
}

func addCounters(sums []uint64, counters []atomic.Uint64) {
	for i := range counters {
		sums[i] += counters[i].Load()
	}
}
