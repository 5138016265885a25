package rollout

import (
	"testing"
	"time"
)

func TestABlockThatSawTwoWeightsIsCountedToNeither(t *testing.T) {
	t.Parallel()
	w := watch{turns: []turn{{void: 0, from: 1, weight: 500, step: 1}, {void: 20, from: 22, weight: 2500, step: 2}}}
	for n, want := range map[int64]uint16{0: 0, 1: 500, 19: 500, 20: 0, 21: 0, 22: 2500, 99: 2500} {
		got := uint16(0)
		if t := w.at(n); t != nil {
			got = t.weight
		}
		if got != want {
			t.Errorf("block %d is counted to weight %d, want %d; 0 is none", n, got, want)
		}
	}
}

func TestOtherRulesHaveAnotherJudge(t *testing.T) {
	t.Parallel()
	w := at(t, []string{"traffic stable 95/s", "traffic canary 5/s", "boot", "tick 10s", "reload p95=100ms", "tick 10s"})
	if len(w.state.Checks) != 2 || w.state.Checks[1].Name != "latency-p95" {
		t.Errorf("after a reload with a second check there are %+v", w.state.Checks)
	}
}

// What a canary failed at a step before is in no window of abortOn, however short ago.
func TestTheFastLaneSeesTheStepAlone(t *testing.T) {
	t.Parallel()
	w := at(t, []string{"traffic stable 95/s", "boot", "tick 10s", "counts canary errors=15/15"})
	w.now = w.now.Add(200 * time.Millisecond)
	w.input(&Command{Verb: "promote", Actor: "ops"})
	w.now = w.now.Add(200 * time.Millisecond)
	if err := w.do("counts", []string{"canary", "errors=6/6"}); err != nil {
		t.Fatal(err)
	}
	canary := w.watch.lane(w.plan.Rollout, w.now.Add(100*time.Millisecond)).Canary
	if w.state.Step != 2 || canary.Abort.Requests != 6 || canary.Errors != 6 {
		t.Errorf("at step %d: %+v, want the 6 failures of step 2", w.state.Step, canary)
	}
}

// A reload of something else changes nothing here; one of this route's policy begins the windows anew.
func TestOnlyAReloadOfTheRoutesPolicyBeginsTheWindowsAnew(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		needed := func() uint64 { b.pass(2 * time.Second); return b.control.Status().RequestsNeeded }
		all := needed()
		b.serve("stable", 95, 0)
		b.serve("canary", 40, 0)
		some := needed()
		if some != all-40 {
			t.Fatalf("%d requests to go after 40 of %d", some, all)
		}
		if err := b.control.SetPlan(t.Context(), b.plan); err != nil {
			t.Fatal(err)
		}
		if got := needed(); got != some {
			t.Errorf("after a reload of the same plan %d requests to go, want %d", got, some)
		}
		p, r := b.plan, *b.plan.Rollout
		r.Bake, p.Rollout = 2*r.Bake, &r
		if err := b.control.SetPlan(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if got := needed(); got != all {
			t.Errorf("after a reload with another policy %d requests to go, want all %d", got, all)
		}
	})
}

func TestTheEndOfARollbackEndsTheCanarysStreams(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		if len(b.cut) > 0 {
			t.Fatalf("streams were cut before anything ended: %v", b.cut)
		}
		b.mustDo("abort")
		b.pass(time.Second)
		if len(b.cut) != 1 || b.cut[0] != "canary" {
			t.Errorf("streams were cut of %v, want the canary's once", b.cut)
		}
	})
}
