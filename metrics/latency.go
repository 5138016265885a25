package metrics

import (
	"sync/atomic"
	"time"
)

const (
	latencyTime   = time.Second / 2
	latencyBits   = 5
	latencyBlocks = 1 << latencyBits
	blocksInHalf  = int64(latencyTime / blockTime)
	numJudged     = Other // the cohorts before Other are judged
)

const latencyWord layout = 1<<32 - 1

// latencyRing holds the latencies of the last 16 seconds of arrivals, by halves of a second. A row of a cohort's histogram is allocated, for
// all halves at once, when the first latency falls into it: a service uses 6 to 9 of the 29 rows, 8 KiB each.
type latencyRing struct {
	rows [numCells][numRows]atomic.Pointer[latencyRow]
}

type latencyRow [latencyBlocks][rowWidth]tagged

func latencySlot(half int64) (slot int, tag uint64) {
	return int(half & (latencyBlocks - 1)), latencyWord.tag(half >> latencyBits)
}

func (r *latencyRing) record(half int64, c Cohort, d time.Duration) {
	slot, tag := latencySlot(half)
	b := bucketOf(d)
	latencyWord.add(&lazily(&r.rows[c][b>>rowBits])[slot][b&(rowWidth-1)], tag, 1, uint64(latencyWord))
}

// addTo adds a cell's halves from first to before end to the histogram.
func (r *latencyRing) addTo(sum *Histogram, cell Cohort, first, end int64) {
	for i := range r.rows[cell] {
		row := r.rows[cell][i].Load()
		if row == nil {
			continue
		}
		for half := first; half < end; half++ {
			slot, tag := latencySlot(half)
			for j := range row[slot] {
				if n := latencyWord.read(&row[slot][j], tag); n > 0 {
					sum.add(i<<rowBits|j, n)
				}
			}
		}
	}
}

// durations is a histogram that many goroutines add to, for good: 232 bytes, and 256 for each row that is used.
type durations struct {
	rows [numRows]atomic.Pointer[[rowWidth]atomic.Uint64]
}

func (s *durations) record(d time.Duration) {
	b := bucketOf(d)
	lazily(&s.rows[b>>rowBits])[b&(rowWidth-1)].Add(1)
}

func (s *durations) addTo(h *Histogram) {
	for i := range s.rows {
		row := s.rows[i].Load()
		if row == nil {
			continue
		}
		for j := range row {
			if n := row[j].Load(); n > 0 {
				h.add(i<<rowBits|j, n)
			}
		}
	}
}

// lazily is what p points to, made when it is asked for first; of two goroutines that make it one wins.
func lazily[T any](p *atomic.Pointer[T]) *T {
	if v := p.Load(); v != nil {
		return v
	}
	p.CompareAndSwap(nil, new(T))
	return p.Load()
}
