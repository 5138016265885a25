package metrics

import (
	"testing"
	"time"
)

func TestMimicsAreReadAsDrawnAndByThemselves(t *testing.T) {
	t.Parallel()
	m := New(Config{Shards: 2, Blocks: true})
	at := Instant(5 * time.Second)
	arrive := func(n int, c Cohort, failed bool) {
		for range n {
			m.End(m.Begin(at, c, uint32(n)), Outcome{At: at + 3*ms, Failed: failed})
		}
	}
	arrive(7, Drawn, false)
	arrive(2, Drawn, true)
	arrive(4, Mimic, false)
	arrive(1, Mimic, true)
	arrive(5, Pinned, false)
	n := at.Block()
	mimics, rest := m.Mimics(n)
	if want := (Counts{Requests: 5, Errors: 1}); mimics != want {
		t.Errorf("mimics = %+v, want %+v", mimics, want)
	}
	if want := (Counts{Requests: 9, Errors: 2}); rest != want {
		t.Errorf("the rest = %+v, want %+v", rest, want)
	}
	if got, want := m.Block(n)[Drawn], (Counts{Requests: 14, Errors: 3}); got != want {
		t.Errorf("drawn = %+v, want %+v", got, want)
	}
	var a, b, all Window
	m.MimicsSecond(n+9, &a, &b)
	m.Second(n+9, &all)
	if a.Latency[Drawn].Count() != 4 || b.Latency[Drawn].Count() != 7 || all.Latency[Drawn].Count() != 11 {
		t.Errorf("latencies: %d, %d, together %d, want 4, 7, 11", a.Latency[Drawn].Count(), b.Latency[Drawn].Count(), all.Latency[Drawn].Count())
	}
	if a.Counts[Drawn] != mimics || b.Counts[Drawn] != rest {
		t.Errorf("counts of the second = %+v, %+v, want those of its only block", a.Counts[Drawn], b.Counts[Drawn])
	}
	if totals := m.Totals(); totals.Requests != 19 || totals.Errors != 3 || m.Failed() != 3 {
		t.Errorf("totals = %d, %d failed, %d by Failed; want 19, 3, 3", totals.Requests, totals.Errors, m.Failed())
	}
}
