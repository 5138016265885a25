package analysis

import (
	"math"
	"testing"
	"time"

	"sluice/metrics"
)

// A quantile's interval is looked at again and again, and has to hold at every look together in 19 of 20 rows of looks.
func TestAQuantilesIntervalHoldsAtEveryLook(t *testing.T) {
	t.Parallel()
	const runs, looks = 300, 400
	for _, q := range []struct{ share, normal float64 }{{0.5, 0}, {0.95, 1.6449}, {0.99, 2.3263}} {
		truth := time.Duration(50e6 * math.Exp(0.5*q.normal))
		missed, width := 0, 0.0
		for seed := range runs {
			r, h := newChance(uint64(seed)), metrics.Histogram{}
			out := false
			for range looks {
				for range 10 {
					h.Record(r.lognormal(1), 1)
				}
				low, high := quantiles(&h, 0, time.Second, q.share)
				out = out || truth < low || high > 0 && truth >= high
				width = float64(high) / float64(low)
			}
			if out {
				missed++
			}
		}
		t.Logf("q %g: out in %d of %d rows of looks; the last is %.2f wide", q.share, missed, runs, width)
		if missed > 24 { // 15 at 0.05; 25 or more would be a chance of 0.01
			t.Errorf("the %g-quantile was outside its interval in %d of %d runs, want 5 %% at most", q.share, missed, runs)
		}
		if !(width > 1 && width < 1.4) {
			t.Errorf("after 4000 latencies the interval of the %g-quantile is %g wide, want some 10 %%", q.share, width)
		}
	}
}

// What has not ended may end at once or never: the interval holds for both.
func TestAnIntervalOfLatenciesThatHaveNotEndedHasNoEnd(t *testing.T) {
	t.Parallel()
	var h metrics.Histogram
	h.Record(20*time.Millisecond, 900)
	const age = 500 * time.Millisecond
	for _, c := range []struct {
		q              float64
		late           uint64
		least, most    time.Duration // of the low end
		bounded, above bool
	}{
		{0.5, 100, 19 * time.Millisecond, 20 * time.Millisecond, true, false},
		{0.95, 100, 490 * time.Millisecond, age, false, true},
		{0.95, 10, 19 * time.Millisecond, 20 * time.Millisecond, true, false},
		{0.95, 50, 19 * time.Millisecond, 20 * time.Millisecond, false, true}, // on the edge: may be either
	} {
		low, high := quantiles(&h, c.late, age, c.q)
		if low < c.least || low > c.most || high > 0 != c.bounded {
			t.Errorf("%d of %d late: p%g is between %s and %s, want from %s to %s and an upper end %t", c.late, 900+c.late, 100*c.q, low, high, c.least, c.most, c.bounded)
		}
		f := (&Rule{Check: Check{Metric: Latency, Quantile: c.q}}).read(&h, c.late, age)
		if f.above != c.above || f.above != (f.value == 500) {
			t.Errorf("%d late: p%g is shown as %g ms, above %t, want above %t", c.late, 100*c.q, f.value, f.above, c.above)
		}
	}
	if low, high := quantiles(&metrics.Histogram{}, 0, age, 0.5); low != 0 || high != 0 {
		t.Errorf("of nothing the interval is %s to %s", low, high)
	}
}

func TestAMeanWithLatenciesThatHaveNotEndedIsAtLeastThat(t *testing.T) {
	t.Parallel()
	var h metrics.Histogram
	h.Record(20*time.Millisecond, 90)
	rule := Rule{Check: Check{Metric: Latency}}
	if f := rule.read(&h, 0, time.Second); f.above || f.value < 19 || f.value > 21 {
		t.Errorf("all ended: %+v, want 20 ms", f)
	}
	if f := rule.read(&h, 10, time.Second); !f.above || f.value < 115 || f.value > 121 {
		t.Errorf("ten of a hundred still without an answer after a second: %+v, want at least 118 ms", f)
	}
}
