package rollout

import (
	"sluice/analysis"
	"sluice/metrics"
)

// visitors are the users of an attempt by conversion. A visit belongs to the moment at which it began: it is judged when it is closed, long
// after, with the weight that was in force then. A table is of one attempt and one process, so what is open at a restart is dropped on both
// sides alike.
type visitors struct {
	// anew puts an empty table in force and gives it; nil where nothing is counted.
	anew func(once bool) *metrics.Visits
	// of is what the plan says of conversions.
	of     string
	trial  bool            // an attempt has traffic
	table  *metrics.Visits // the attempt's, nil between attempts
	reader metrics.VisitsReader
	turns  []visitTurn
	at     metrics.Instant // of this look
	lost   int64           // blocks that the judge knows of
	held   *closed         // read, and not in a block of the judge yet
	played closed          // as the control sees them: a part of stable's plays the canary
}

// visitTurn is the weight from a moment on. Between void and from it was neither this nor the one before.
type visitTurn struct {
	void, from metrics.Instant
	weight     uint16
}

// closed visits that began at one weight.
type closed struct {
	pair, played analysis.Pair
	weight       uint16
}

// plan follows what the configuration says. Visits under other rules are dropped.
func (v *visitors) plan(of string, at metrics.Instant) {
	if v.of == of {
		return
	}
	v.of = of
	v.renew(at)
}

// begin is an attempt, or one that a process before this one has begun: each user visits once in it.
func (v *visitors) begin(at metrics.Instant) {
	v.turns, v.trial = nil, true
	if v.of != "" {
		v.renew(at)
	}
}

// end is between attempts: visits are counted and not judged.
func (v *visitors) end(at metrics.Instant) {
	if v.trial && v.of != "" {
		v.trial = false
		v.renew(at)
	}
	v.trial = false
}

func (v *visitors) renew(at metrics.Instant) {
	v.table, v.held, v.played, v.lost = nil, nil, closed{}, 0
	if v.anew == nil {
		return
	}
	if t := v.anew(v.trial); t != nil && v.trial {
		v.table = t
		v.reader.Restart(t, at)
	}
}

// move notes the weight in force from now on; since is when it was being put in force.
func (v *visitors) move(weight uint16, since, at metrics.Instant) {
	if n := len(v.turns); n > 0 && v.turns[n-1].weight == weight {
		return
	}
	v.turns = append(v.turns, visitTurn{void: min(since, at), from: at, weight: weight})
}

// during is the weight in a span of time; false where that is not one.
func (v *visitors) during(from, until metrics.Instant) (weight uint16, ok bool) {
	for len(v.turns) > 1 && v.turns[1].from <= from {
		v.turns = v.turns[1:]
	}
	if len(v.turns) == 0 || from < v.turns[0].from || len(v.turns) > 1 && v.turns[1].void < until {
		return 0, false
	}
	return v.turns[0].weight, true
}

// count fills in a block's visits: those that have closed since the block before, of one weight.
func (v *visitors) count(b *analysis.Block) {
	v.played = closed{}
	for v.table != nil {
		c := v.held
		if v.held = nil; c == nil {
			if c = v.next(); c == nil {
				return
			}
		}
		if b.Visits != (analysis.Pair{}) && c.weight != b.VisitsWeight {
			v.held = c
			return
		}
		b.VisitsWeight, v.played.weight = c.weight, c.weight
		sum(&b.Visits, &c.pair)
		sum(&v.played.pair, &c.played)
	}
}

// missed are the blocks of visits that were lost since the last look.
func (v *visitors) missed() int64 {
	if v.table == nil {
		return 0
	}
	n := v.reader.Lost - v.lost
	v.lost = v.reader.Lost
	return n
}

// next is the next block of visits that has closed, nil for none.
func (v *visitors) next() *closed {
	for {
		u, from, until, ok := v.reader.Next(v.at)
		if !ok {
			return nil
		}
		weight, ok := v.during(from, until)
		if !ok || u.Visits == (metrics.Sides{}) {
			continue
		}
		return &closed{
			weight: weight,
			pair:   analysis.Pair{Canary: tried(u.Visits.Canary, u.Converted.Canary), Stable: tried(u.Visits.Stable, u.Converted.Stable)},
			played: analysis.Pair{
				Canary: tried(u.Visits.Mimic, u.Converted.Mimic),
				Stable: tried(u.Visits.Stable-u.Visits.Mimic, u.Converted.Stable-u.Converted.Mimic),
			},
		}
	}
}

// tried are visits of which the bad ones have not converted.
func tried(visits, converted uint64) analysis.Tally {
	return analysis.Tally{N: visits, Bad: visits - min(visits, converted)}
}

func sum(to, p *analysis.Pair) {
	to.Canary.N, to.Canary.Bad = to.Canary.N+p.Canary.N, to.Canary.Bad+p.Canary.Bad
	to.Stable.N, to.Stable.Bad = to.Stable.N+p.Stable.N, to.Stable.Bad+p.Stable.Bad
}
