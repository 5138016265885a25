package rollout

import (
	"testing"
	"time"

	"sluice/metrics"
)

// play sends stable a second of requests, of which a part plays the canary.
func (b *bench) play(mimics, rest, failedMimics, failedRest int) {
	b.t.Helper()
	at := metrics.Now()
	for c, n := range map[metrics.Cohort][2]int{metrics.Mimic: {mimics, failedMimics}, metrics.Drawn: {rest, failedRest}} {
		for i := range n[0] {
			m := b.meters["stable"]
			m.End(m.Begin(at, c, 0), metrics.Outcome{At: at.Add(time.Millisecond), Failed: i < n[1]})
		}
	}
	b.pass(time.Second)
}

func TestTheJudgeIsTriedOnStableAllTheTime(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		for range 30 {
			b.play(10, 190, 0, 2)
		}
		quiet := b.control.Status()
		if quiet.AAEvidenceMax <= 0 || quiet.AAEvidenceMax > alarming {
			t.Errorf("with two sides that are the same: %g", quiet.AAEvidenceMax)
		}
		for range 20 { // failures come on one side only: something ties requests together
			b.play(10, 190, 5, 0)
		}
		if s := b.control.Status(); s.AAEvidenceMax < 1000 || s.Phase != quiet.Phase || s.Outcome != "" {
			t.Errorf("with failures on one side: %g, %s %s; want the rollback threshold and no decision", s.AAEvidenceMax, s.Phase, s.Outcome)
		}
		b.mustDo("abort")
		for range 20 {
			b.play(10, 190, 5, 0)
		}
		if b.watchTold() == 0 {
			t.Error("after the attempt nothing was tried")
		}
	})
}

// watchTold is the last block that the control took in, read between two ticks.
func (b *bench) watchTold() int64 { return b.control.watch.control.block[0].Tick }
