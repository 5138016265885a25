package metrics

import "sync/atomic"

// Process counts what belongs to no backend. Its zero value is ready; it is used by many goroutines and must not be copied.
type Process struct {
	clientErrors [NumClientErrors]atomic.Uint64
	panics       atomic.Uint64
}

// ClientError counts an error that a client made.
func (p *Process) ClientError(kind ClientError) { count(p.clientErrors[:], kind) }

// Panicked counts a request that met a bug of ours.
func (p *Process) Panicked() { p.panics.Add(1) }

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
