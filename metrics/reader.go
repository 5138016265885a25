package metrics

import "time"

// Reader says which blocks of arrivals have come of age: each once, in order, at the first look at which it is as old as asked for. What is
// then unfinished stays so for whoever judges; nothing is revised, else the slow successes of one side would look like the other's
// failures. One Reader serves all the Meters that are compared, so that their blocks are read at the same age. It is for one goroutine.
type Reader struct {
	from, next int64
	// Lost blocks were recycled before anyone asked for them.
	Lost int64
}

// Restart forgets everything: the next block is the first whole one from at on.
func (r *Reader) Restart(at Instant) {
	r.from = at.next(blockTime)
	r.next = r.from
}

// Next is the number of the next block that is at least that old, if there is one; it will not come again. Blocks of 100 ms are numbered on the
// process's clock, a multiple of ten begins a second. age is at most 12 s, after which the latencies' ring may be used again.
func (r *Reader) Next(now Instant, age time.Duration) (n int64, ok bool) {
	end := now.Add(-min(age, MaxAge)).whole(blockTime) // the first that is not old enough
	if oldest := end - int64((MaxAge-min(age, MaxAge)+2*time.Second)/blockTime); r.next < oldest {
		r.Lost += oldest - r.next
		r.next = oldest
	}
	if r.next >= end {
		return 0, false
	}
	r.next++
	return r.next - 1, true
}

// EndsSecond says that block n is the last of a second that began no earlier than the restart.
func (r *Reader) EndsSecond(n int64) bool { return r.ends(n, 2*blocksInHalf) }

// EndsHalf says that block n is the last of half a second that began no earlier than the restart.
func (r *Reader) EndsHalf(n int64) bool { return r.ends(n, blocksInHalf) }

func (r *Reader) ends(n, blocks int64) bool { return (n+1)%blocks == 0 && n+1-blocks >= r.from }

// Block is the number of the block that the instant lies in.
func (i Instant) Block() int64 { return i.whole(blockTime) }

// NextBlock is the number of the first block that begins at the instant or after it.
func (i Instant) NextBlock() int64 { return i.next(blockTime) }

// MaxAge is how old a block may be when it is read: the latencies' ring holds 16 s.
const MaxAge = 12 * time.Second

// Block is what is known of the attempts that arrived in block n.
func (m *Meter) Block(n int64) [NumCohorts]Counts { return m.arrived(n, n+1) }

// Mimics is what is known of the drawn attempts that arrived in block n: of those that play the canary, and of the rest.
func (m *Meter) Mimics(n int64) (mimics, rest Counts) {
	cells := m.cells(n, n+1)
	return cells[Mimic], cells[Drawn]
}

// MimicsSecond is Mimics of the second that ends with block n, as Second: both are under Drawn.
func (m *Meter) MimicsSecond(n int64, mimics, rest *Window) {
	end := (n + 1) / blocksInHalf
	*mimics, *rest = Window{}, Window{}
	m.addLatencies(&mimics.Latency[Drawn], Mimic, end-2, end)
	m.addLatencies(&rest.Latency[Drawn], Drawn, end-2, end)
	cells := m.cells((end-2)*blocksInHalf, end*blocksInHalf)
	mimics.Counts[Drawn], rest.Counts[Drawn] = cells[Mimic], cells[Drawn]
}

// Second is what is known of the attempts that arrived in the second that ends with block n, for counts and latencies the same. The latencies
// are read first: whoever is in them is in the counts.
func (m *Meter) Second(n int64, w *Window) { m.halves(n, 2, w) }

// Half is Second of the half a second that ends with block n.
func (m *Meter) Half(n int64, w *Window) { m.halves(n, 1, w) }

func (m *Meter) halves(n, number int64, w *Window) {
	end := (n + 1) / blocksInHalf
	w.Latency = m.latencies(end-number, end)
	w.Counts = m.arrived((end-number)*blocksInHalf, end*blocksInHalf)
}
