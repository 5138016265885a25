package analysis

import "sluice/metrics"

// TallyOf is the trials among counts of closed arrivals: what has not ended is bad.
func TallyOf(c metrics.Counts) Tally { return Tally{N: c.Requests, Bad: c.Errors + c.Unfinished} }

// Count takes in what arrived in a block at the meters of the two roles (metrics.Meter.Block).
func (b *Block) Count(canary, stable *[metrics.NumCohorts]metrics.Counts) {
	b.Drawn = Pair{Canary: TallyOf(canary[metrics.Drawn]), Stable: TallyOf(stable[metrics.Drawn])}
	b.Judged = b.Drawn.Canary
	b.Judged.add(TallyOf(canary[metrics.Pinned]))
	b.Late = Late{Canary: canary[metrics.Drawn].Unfinished + canary[metrics.Pinned].Unfinished, Stable: stable[metrics.Drawn].Unfinished}
}

// Count takes in a second of arrivals at the meters of the two roles (metrics.Meter.Second).
func (l *Latencies) Count(canary, stable *metrics.Window) {
	l.Canary.count(canary, metrics.Drawn)
	l.Stable.count(stable, metrics.Drawn)
	l.Judged.count(canary, metrics.Drawn, metrics.Pinned)
}

// CountFirsts takes in a second of arrivals from a sticky route's metrics.Keys: the first requests of each user in a component. Pinned users
// are not among them, so the canary's for limits are the same.
func (l *Latencies) CountFirsts(canary, stable *metrics.Window) {
	l.Canary.count(canary, metrics.Pinned)
	l.Stable.count(stable, metrics.Pinned)
	l.Judged.count(canary, metrics.Pinned)
}

// count sums cohorts. Whoever arrived and is not among those that ended well is bad.
func (s *Spread) count(w *metrics.Window, cohorts ...metrics.Cohort) {
	s.Good, s.Bad = metrics.Histogram{}, 0
	arrived, open := uint64(0), uint64(0)
	for _, c := range cohorts {
		s.Good.Add(&w.Latency[c])
		arrived += w.Counts[c].Requests
		open += w.Counts[c].Unfinished
	}
	s.Bad = arrived - min(arrived, s.Good.Count())
	s.Late = min(open, s.Bad)
}
