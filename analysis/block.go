package analysis

import "sluice/metrics"

// Block is what arrived at the two roles in one tick of 100 ms (or several, after Length), as it was when the tick had the age at which it is judged:
// once, and never again. Bad is what had failed, or had not finished.
type Block struct {
	// Tick numbers the 100 ms on a clock that never goes back in an attempt, restarts included.
	Tick int64
	// Length in ticks; 0 is 1.
	Length int64
	// Weight of the canary when these arrived, in hundredths of a percent, and the plan's step. Next is the weight after that step, 0 where
	// nothing is to be proven for it.
	Weight uint16
	Step   int
	Next   uint16
	// Drawn are first attempts that were drawn to their backend; Judged are the canary's with the pinned ones, for absolute limits.
	Drawn  Pair
	Judged Tally
	// Late are those of Judged, and of stable's drawn ones, that had not ended: they are among the bad, and are shown apart.
	Late Late
	// Firsts are, on sticky routes, the first requests of each user in an epoch, and Users what became of users.
	Firsts Pair
	Users  *metrics.Users
	// Latency of the second, or of the half of one, that ends with this tick; nil elsewhere, and where the weight changed in it.
	Latency *Latencies
	// Visits are users by conversion, at their age; Bad are those that did not convert. VisitsWeight is the canary's weight when they came.
	Visits       Pair
	VisitsWeight uint16
}

// Late are requests that had no end when they were judged.
type Late struct{ Canary, Stable uint64 }

func (l *Late) add(o Late) {
	l.Canary += o.Canary
	l.Stable += o.Stable
}

func (b *Block) length() int64 { return max(b.Length, 1) }

// fault is why a block can't be used, "" if it can. Counts that went backwards come out as huge ones.
func (b *Block) fault(s *State) string {
	switch {
	case s.Begun && b.Tick <= s.Last:
		return "the clock went back"
	case b.Weight > 10000 || b.Next > 10000 || b.VisitsWeight > 10000:
		return "a weight is above 100%"
	}
	for _, t := range []Tally{
		b.Drawn.Canary, b.Drawn.Stable, b.Judged, b.Firsts.Canary, b.Firsts.Stable, b.Visits.Canary, b.Visits.Stable,
	} {
		if !t.sane() {
			return "the counts went back"
		}
	}
	return ""
}
