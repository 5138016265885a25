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

// On a sticky route users play, and what they play with is what the judge looks at: failures, and the latency of first requests.
func TestTheJudgeIsTriedOnTheLatenciesOfUsers(t *testing.T) {
	t.Parallel()
	for _, slow := range []bool{false, true} {
		w := at(t, []string{"plan sticky=true p95=1s", "traffic stable 95/s", "boot", "tick 3s"})
		keys, user := w.watch.crowd.keys, uint64(0)
		for range 20 {
			for s, n := range map[metrics.Side]int{metrics.MimicSide: 10, metrics.StableSide: 190} {
				for range n {
					user++
					d := 20 * time.Millisecond
					if slow && s == metrics.MimicSide {
						d *= 4
					}
					keys.End(keys.Begin(user*0x9E3779B97F4A7C15, s, w.now), metrics.Outcome{At: w.now.Add(d)})
				}
			}
			w.tick(time.Second)
		}
		if got := w.watch.control.most(); got <= 0 || got > alarming != slow {
			t.Errorf("mimics slower %t: largest evidence %g, want above %d = %t", slow, got, alarming, slow)
		}
		r, c := w.state.Evidence.State.Tests, w.state.Checks
		if e := c[len(c)-1]; len(r) != len(c) || e.StableSamples < 19*200 {
			t.Errorf("the check has %d of stable's samples, want its mimics among them", e.StableSamples)
		}
	}
}
