package metrics

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const ms = Instant(time.Millisecond)

func judgedMeter() *Meter { return New(Config{Shards: 2, Blocks: true}) }

// good counts an attempt that arrives at the instant and ends well after d.
func good(m *Meter, at Instant, d time.Duration) {
	m.End(m.Begin(at, Drawn, 0), Outcome{At: at.Add(d)})
}

func fail(m *Meter, at Instant) { m.End(m.Begin(at, Drawn, 0), Outcome{At: at, Failed: true}) }

func wantCounts(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(Histogram{})); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// history is a random stream of attempts that keeps its own books.
type history struct {
	r      *rand.Rand
	open   []Arrival
	counts [NumCohorts]Counts
	good   [NumCohorts]uint64
}

func (h *history) arrive(m *Meter, at Instant) {
	c := Cohort(h.r.IntN(int(NumCohorts)))
	cell := c
	if c == Drawn && h.r.IntN(2) == 0 {
		cell = Mimic // read as Drawn
	}
	h.open = append(h.open, m.Begin(at, cell, h.r.Uint32()))
	h.counts[c].Requests++
	h.counts[c].Unfinished++
}

func (h *history) end(m *Meter, at Instant) {
	if len(h.open) == 0 {
		return
	}
	i := h.r.IntN(len(h.open))
	a := h.open[i]
	h.open[i] = h.open[len(h.open)-1]
	h.open = h.open[:len(h.open)-1]
	o := Outcome{At: at, Failed: h.r.IntN(3) == 0, Void: h.r.IntN(5) == 0}
	m.End(a, o)
	n := &h.counts[a.cohort.as()]
	n.Unfinished--
	switch {
	case o.Void:
		n.Requests--
	case o.Failed:
		n.Errors++
	default:
		h.good[a.cohort.as()]++
	}
}
