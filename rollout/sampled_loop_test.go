package rollout

import (
	"testing"
	"testing/synctest"
	"time"

	"sluice/analysis"
	"sluice/metrics"
)

// sampledBench is a bench whose plan has a check on a queue, with an attempt at its first step.
func sampledBench(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plan.Rollout.Sampled = analysis.SampledRules{Checks: sampledOf("queue:100"), ConsecutiveFailureLimit: 3}
		b.start()
		defer func() { b.stop() }()
		b.pass(200 * time.Millisecond)
		test(t, b)
	})
}

func (b *bench) sample(v float64) {
	b.t.Helper()
	now, ok := b.control.Sampling()
	if !ok {
		b.t.Fatal("nothing is to be sampled, want the canary")
	}
	r := Reading{Attempt: now.Attempt, Check: "queue", Since: metrics.Now(), Sample: analysis.Sample{Value: v}}
	if err := b.control.Sample(b.t.Context(), r); err != nil {
		b.t.Fatal(err)
	}
}

func TestASampleWhileAWriteIsUnderWayIsNotLostAndRollsBackWithoutIt(t *testing.T) {
	sampledBench(t, func(t *testing.T, b *bench) {
		b.sample(500)
		b.store.set(time.Minute, nil)
		promoted := make(chan error, 1)
		go func() {
			_, err := b.do(Command{Verb: "promote"})
			promoted <- err
		}()
		b.pass(time.Second)
		b.expect(Progressing, 500)
		b.sample(500)
		b.store.set(0, nil)
		b.pass(time.Minute)
		b.expect(Progressing, 2500) // the write's state took the place of the one that the sample came into
		<-promoted
		b.store.set(time.Hour, nil)
		b.sample(500)
		b.pass(200 * time.Millisecond)
		b.expect(Failed, 0)
		if s := b.control.Status(); s.Reason != "queue" {
			t.Errorf("it was rolled back for %s, want queue", s.Reason)
		}
		b.store.set(0, nil)
		b.pass(2 * time.Hour)
	})
}

func TestAFailedSampleIsOnDiskSoonAndOneOfAnotherAttemptCountsForNothing(t *testing.T) {
	sampledBench(t, func(t *testing.T, b *bench) {
		b.sample(500)
		b.pass(100 * time.Millisecond)
		if got := b.stored(); got.Evidence == nil || len(got.Evidence.Samples) != 1 || got.Evidence.Samples[0].Row != 1 {
			t.Errorf("stored = %+v, want the failed sample", got.Evidence)
		}
		for range 5 {
			r := Reading{Attempt: "another", Check: "queue", Sample: analysis.Sample{Value: 500}}
			if err := b.control.Sample(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			r.Attempt, r.Check = b.control.Status().Attempt, "gone"
			if err := b.control.Sample(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		b.pass(200 * time.Millisecond)
		b.expect(Progressing, 500)
		b.mustDo("abort")
		if _, ok := b.control.Sampling(); ok {
			t.Error("after an abort there is something to sample, want nothing")
		}
	})
}

func TestAnAttemptInheritsNoSamples(t *testing.T) {
	sampledBench(t, func(t *testing.T, b *bench) {
		b.sample(500)
		b.sample(500)
		b.mustDo("abort")
		b.pass(time.Second)
		b.mustDo("retry")
		b.pass(time.Second)
		b.sample(500)
		b.pass(200 * time.Millisecond)
		b.expect(Progressing, 500)
		if c := b.control.Status().Checks; len(c) != 2 || c[1].Row != 1 || c[1].Samples != 1 {
			t.Errorf("checks = %+v, want one failed sample", c)
		}
	})
}
