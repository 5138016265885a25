package metrics

import (
	"math"
	"sync/atomic"
)

// Use is something that a backend's hosts have, and use a share of.
type Use uint8

// The uses.
const (
	CPU Use = iota
	Memory
	NumUses
)

// uses is what is known of a backend's hosts: what their answers reported since somebody took it, and what was read last, for all to see.
type uses struct {
	reported [NumUses]atomic.Uint64 // reports above, the sum of their ratios in reportUnits below
	last     [NumUses]atomic.Uint64 // bits of a float; 0 is not known
}

const (
	// reportBits of a word hold the sum: more reports than the others can count are left out until somebody takes them.
	reportBits  = 42
	maxReports  = 1<<(64-reportBits) - 1
	reportUnits = 10_000
	// maxReport bounds one report, so that maxReports of them fit.
	maxReport = 1<<reportBits/maxReports/reportUnits - 1
)

// Report counts a ratio that an answer reported of the host that gave it. It takes no lock.
func (m *Meter) Report(u Use, ratio float64) {
	if !(ratio >= 0) || u >= NumUses {
		return
	}
	w := &lazily(&m.uses).reported[u]
	if w.Load()>>reportBits < maxReports-1<<10 { // goroutines that come here together count too
		w.Add(1<<reportBits | uint64(math.Round(min(ratio, maxReport)*reportUnits)))
	}
}

// TakeReports is the mean of what was reported since they were last taken, of n reports.
func (m *Meter) TakeReports(u Use) (mean float64, n uint64) {
	all := m.uses.Load()
	if all == nil {
		return 0, 0
	}
	w := all.reported[u].Swap(0)
	if n = w >> reportBits; n == 0 {
		return 0, 0
	}
	return float64(w&(1<<reportBits-1)) / reportUnits / float64(n), n
}

// SetUse keeps what was read of a use, for LastUse; !ok is that it is not known any more.
func (m *Meter) SetUse(u Use, ratio float64, ok bool) {
	bits := uint64(0)
	if ok {
		bits = math.Float64bits(ratio)
		if bits == 0 {
			bits = math.Float64bits(math.Copysign(0, -1)) // a zero that is known
		}
	}
	lazily(&m.uses).last[u].Store(bits)
}

// LastUse is what was read last; false when nothing is known.
func (m *Meter) LastUse(u Use) (ratio float64, ok bool) {
	all := m.uses.Load()
	if all == nil {
		return 0, false
	}
	bits := all.last[u].Load()
	return math.Abs(math.Float64frombits(bits)), bits != 0
}
