package metrics

import "time"

const (
	// settleAge is how long a block stays open for arrivals that were held up between their clock and Begin.
	settleAge = int64(2 * time.Second / blockTime)
	// foldAge closes a block for good: 11 s before it is recycled, so readings may come that far apart.
	foldAge = int64(40 * time.Second / blockTime)
	// latencyFold closes half a second of latencies, 4 s before it is recycled.
	latencyFold = int64(12 * time.Second / latencyTime)
)

// Tally sums a Meter's attempts since a restart, by arrival, over any length of time: what is closed is folded into a sum, what may still
// change is read anew. It is used by one goroutine, for one Meter from a Restart to the next, and read at least every 3 seconds: what was
// recycled between two readings is lost to it.
//
// An attempt that takes longer than 40 s stays unfinished in the sum. One without an end after 12 s stands among the latencies with
// 12 s, as a lower bound: else the slowest would be missing and a hanging backend would look fast.
type Tally struct {
	closed Window
	block  int64 // the first one not in closed
	half   int64 // the first one not in closed
}

// Restart forgets everything and counts the arrivals from the next whole block on (latencies: from the next whole half of a second).
func (t *Tally) Restart(at Instant) {
	*t = Tally{block: at.next(blockTime), half: at.next(latencyTime)}
}

// Read is the sum up to the last whole block (latencies: half a second) before now.
func (t *Tally) Read(m *Meter, now Instant) Window {
	end, endHalf := now.whole(blockTime), now.whole(latencyTime)
	t.foldBlocks(m, end)
	t.foldLatency(m, endHalf)
	w := t.closed
	w.Add(&Window{Counts: m.arrived(t.block, end), Latency: m.latencies(t.half, endHalf)})
	return w
}

// foldBlocks closes the blocks in which every attempt has ended, and the old ones.
func (t *Tally) foldBlocks(m *Meter, end int64) {
	t.block = max(t.block, end-numBlocks)
	for ; t.block < end-settleAge; t.block++ {
		counts := m.arrived(t.block, t.block+1)
		open := counts[Drawn].Unfinished + counts[Pinned].Unfinished + counts[Other].Unfinished
		if open > 0 && t.block >= end-foldAge {
			return
		}
		for c := range counts {
			t.closed.Counts[c].Add(counts[c])
		}
	}
}

func (t *Tally) foldLatency(m *Meter, end int64) {
	t.half = max(t.half, end-latencyBlocks)
	for ; t.half < end-latencyFold; t.half++ {
		latency := m.latencies(t.half, t.half+1)
		counts := m.arrived(t.half*blocksInHalf, (t.half+1)*blocksInHalf)
		for c := range numJudged {
			known := latency[c].Count() + counts[c].Errors
			if counts[c].Requests > known {
				latency[c].Record(time.Duration(latencyFold)*latencyTime, counts[c].Requests-known)
			}
			t.closed.Latency[c].Add(&latency[c])
		}
	}
}
