package sock

import (
	"testing"
	"time"

	"sluice/metrics"
)

func TestAfterAStandstillOneSweepIsLeftOut(t *testing.T) {
	t.Parallel()
	var p pace
	now := metrics.Instant(0)
	for i, step := range []struct {
		after time.Duration
		want  bool
	}{
		{sweepEvery, false}, {sweepEvery + 100*time.Millisecond, false}, // a tick comes late now and then
		{time.Second, true}, {sweepEvery, false}, {time.Second, true}, {time.Second, true}, {sweepEvery, false},
	} {
		now += metrics.Instant(step.after)
		if got := p.stoodStill(now); got != step.want {
			t.Errorf("look %d, after %v: stoodStill = %v, want %v", i, step.after, got, step.want)
		}
	}
}

func TestAMachineThatIsAlwaysLateCutsAllTheSame(t *testing.T) {
	t.Parallel()
	var p pace
	now, swept := metrics.Instant(0), 0
	for range 10 * (sparedInARow + 1) {
		now += metrics.Instant(time.Second)
		if !p.stoodStill(now) {
			swept++
		}
	}
	if swept != 10 {
		t.Errorf("%d sweeps of %d, want 10", swept, 10*(sparedInARow+1))
	}
}
