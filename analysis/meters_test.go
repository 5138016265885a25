package analysis

import (
	"testing"
	"time"

	"sluice/metrics"
)

func TestWhatHasNotEndedIsBad(t *testing.T) {
	t.Parallel()
	m := metrics.New(metrics.Config{Blocks: true})
	at := func(ms int) metrics.Instant { return metrics.Instant(ms) * metrics.Instant(time.Millisecond) }
	m.End(m.Begin(at(910), metrics.Drawn, 0), metrics.Outcome{At: at(930)})
	m.End(m.Begin(at(920), metrics.Drawn, 0), metrics.Outcome{At: at(930), Failed: true})
	m.End(m.Begin(at(930), metrics.Pinned, 0), metrics.Outcome{At: at(990)})
	m.Begin(at(940), metrics.Drawn, 0)
	m.Begin(at(950), metrics.Other, 0)
	counts, none := m.Block(9), [metrics.NumCohorts]metrics.Counts{}
	var b Block
	b.Count(&counts, &none)
	if want := (Tally{N: 3, Bad: 2}); b.Drawn.Canary != want || b.Judged != (Tally{N: 4, Bad: 2}) {
		t.Errorf("drawn %+v, judged %+v, want %+v and one pinned good one more", b.Drawn.Canary, b.Judged, want)
	}
	var w, empty metrics.Window
	m.Second(9, &w)
	var l Latencies
	l.Count(&w, &empty)
	if l.Canary.N() != 3 || l.Canary.Bad != 2 || l.Judged.N() != 4 || l.Judged.Bad != 2 {
		t.Errorf("latencies: canary %d with %d bad, judged %d with %d", l.Canary.N(), l.Canary.Bad, l.Judged.N(), l.Judged.Bad)
	}
}
