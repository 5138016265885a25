package rollout

import (
	"math/rand/v2"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/metrics"
)

// looks is a judge that is given a block of 100 ms at 1000 requests a second at a time, with or without the log.
type looks struct {
	w     watch
	s     analysis.State
	tick  int64
	users metrics.Users
	l     [10]analysis.Latencies
	r     *rand.Rand
}

func newLooks(sticky bool, log *Blocks) *looks {
	l := &looks{r: rand.New(rand.NewPCG(1, 2))}
	l.w.rules = analysis.Rules{
		Rules: []analysis.Rule{
			{Check: analysis.Check{Name: "error-rate", Metric: analysis.ErrorRate, Max: 5, HasMax: true}},
			{Check: analysis.Check{Name: "latency-p95", Metric: analysis.Latency, Quantile: 0.95, Max: 500, HasMax: true}},
		},
		Confidence: 0.999, BlastRadius: 0.001, Sticky: sticky, Steps: 4, Duration: time.Hour,
	}
	l.w.judge = analysis.New(l.w.rules)
	l.w.trace = blockTrace{to: log.of("shop"), route: "shop"}
	for i := range l.l {
		for range 50 {
			l.l[i].Canary.Good.Record(time.Duration(50e6*l.r.ExpFloat64()), 1)
		}
		for range 950 {
			l.l[i].Stable.Good.Record(time.Duration(50e6*l.r.ExpFloat64()), 1)
		}
		l.l[i].Judged = l.l[i].Canary
	}
	l.users.Open = 1
	l.users.Risk[0], l.users.Failed[0] = metrics.Sides{Canary: 1000, Stable: 19000}, metrics.Sides{Stable: 1}
	return l
}

func (l *looks) look() {
	n := uint64(l.r.IntN(10))
	b := analysis.Block{Tick: l.tick, Weight: 500, Step: 1, Next: 2500, Drawn: analysis.Pair{
		Canary: analysis.Tally{N: 5}, Stable: analysis.Tally{N: 90 + n, Bad: n / 9},
	}}
	b.Judged = b.Drawn.Canary
	if l.w.rules.Sticky {
		b.Users, b.Firsts = &l.users, b.Drawn
	}
	if l.tick%10 == 9 {
		b.Latency = &l.l[l.tick/10%10]
	}
	l.w.blocks = append(l.w.blocks[:0], b)
	l.w.trace.assess(&l.w, "01JQ0000000000000000000000", &l.s, analysis.Now{Step: 1, Next: 2500})
	l.tick++
}

// What the log costs the loop; the judge's part is analysis's BenchmarkAssess.
func BenchmarkTheLogOfALook(b *testing.B) {
	for name, sticky := range map[string]bool{"drawn": false, "sticky": true} {
		b.Run(name, func(b *testing.B) {
			log := OpenBlocks(b.TempDir(), nil)
			l := newLooks(sticky, log)
			blocks := make([][]analysis.Block, 100)
			for i := range blocks {
				l.look()
				blocks[i] = append(blocks[i], l.w.blocks...)
			}
			q, i := log.of("shop"), 0
			b.ReportAllocs()
			for b.Loop() {
				l.w.blocks = blocks[i%100]
				l.w.trace.note(&l.w, l.w.trace.attempt, &l.s, analysis.Now{})
				if i++; i%100 == 0 { // as the writer does, whose work is not the loop's
					q.give(q.take())
				}
			}
		})
	}
}

func TestALookAllocatesNothingForTheLog(t *testing.T) {
	for _, sticky := range []bool{false, true} {
		log := OpenBlocks(t.TempDir(), nil)
		l := newLooks(sticky, log)
		for range 40 {
			for range 100 {
				l.look()
			}
			if err := log.flush(); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(100, l.look); n > 0 {
			t.Errorf("sticky %t: %g allocations a look with the log, want none", sticky, n)
		}
	}
}
