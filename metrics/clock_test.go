package metrics

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTheClockOfABubbleWorksToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := judgedMeter()
		var tally Tally
		start := Now()
		tally.Restart(start)
		time.Sleep(time.Second) // the bubble's
		for range 100 {
			a := m.Begin(Now(), Drawn, 0)
			time.Sleep(time.Second)
			m.End(a, Outcome{At: Now()})
			tally.Read(m, Now())
		}
		if got := Now().Sub(start); got != 101*time.Second {
			t.Errorf("the clock went on by %v, want 101s", got)
		}
		w := tally.Read(m, Now())
		wantCounts(t, "tally", w.Counts[Drawn], Counts{Requests: 100})
		if got := w.Latency[Drawn].Count(); got < 99 {
			t.Errorf("latencies = %d, want at least 99 of 100", got)
		}
	})
}
