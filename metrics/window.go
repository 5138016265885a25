package metrics

// Window is what is known of the attempts that arrived in [from, to): the whole blocks of 100 ms, for latencies the whole halves of a
// second, that lie inside. What is older than the rings (51 s, latencies 16 s, behind the newest arrival) is not in it.
func (m *Meter) Window(from, to Instant) Window {
	return Window{
		Counts:  m.arrived(from.next(blockTime), to.whole(blockTime)),
		Latency: m.latencies(from.next(latencyTime), to.whole(latencyTime)),
	}
}

// Arrived is Window without its latencies: much cheaper.
func (m *Meter) Arrived(from, to Instant) [NumCohorts]Counts {
	return m.arrived(from.next(blockTime), to.whole(blockTime))
}

// Failed is how many judged attempts have failed since the meter was made.
func (m *Meter) Failed() (n uint64) {
	for i := range m.shards {
		s := m.shards[i].Load()
		if s == nil {
			continue
		}
		if c := s.counters.Load(); c != nil {
			for i := range numCells {
				if i.judged() {
					n += c.attempts[i].failed.Load()
				}
			}
		}
	}
	return n
}

// Pending is the number of judged attempts that arrived in [from, olderThan), in whole blocks, and have not ended.
func (m *Meter) Pending(from, olderThan Instant) uint64 {
	counts := m.arrived(from.next(blockTime), olderThan.whole(blockTime))
	return counts[Drawn].Unfinished + counts[Pinned].Unfinished
}

// arrived is the sum of the blocks from first to before end, mimics as Drawn.
func (m *Meter) arrived(first, end int64) (sums [NumCohorts]Counts) {
	for c, counts := range m.cells(first, end) {
		sums[Cohort(c).as()].Add(counts)
	}
	return sums
}

// cells is arrived by cell. When the oldest was recycled meanwhile it reads again without it (word.go).
func (m *Meter) cells(first, end int64) (sums [numCells]Counts) {
	for {
		newest := m.newest.Load()
		first, end = max(first, newest-numBlocks+1), min(end, newest+1)
		if first >= end {
			return [numCells]Counts{}
		}
		sums = [numCells]Counts{}
		for i := range m.shards {
			if s := m.shards[i].Load(); s != nil {
				s.addArrived(&sums, first, end)
			}
		}
		if first > m.newest.Load()-numBlocks {
			return sums
		}
	}
}

// latencies is the sum of the halves of seconds from first to before end, in the same way.
func (m *Meter) latencies(first, end int64) (sums [NumCohorts]Histogram) {
	for c := range numCells {
		if c.judged() {
			m.addLatencies(&sums[c.as()], c, first, end)
		}
	}
	return sums
}

// addLatencies adds a cell's halves of seconds.
func (m *Meter) addLatencies(sum *Histogram, cell Cohort, first, end int64) {
	ring := m.latency.Load()
	for before := *sum; ring != nil; *sum = before {
		newest := m.newest.Load() / blocksInHalf
		first, end = max(first, newest-latencyBlocks+1), min(end, newest+1)
		ring.addTo(sum, cell, first, end)
		if first >= end || first > m.newest.Load()/blocksInHalf-latencyBlocks {
			return
		}
	}
}

func (s *shard) addArrived(sums *[numCells]Counts, first, end int64) {
	ring := s.blocks.Load()
	if ring == nil {
		return
	}
	for n := first; n < end; n++ {
		ring.addTo(sums, n)
	}
}
