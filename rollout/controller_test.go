package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/store/memory"
)

func TestAnUnavailableCanaryIsOffTheTrafficWithinATick(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.mu.Lock()
		b.down["canary"] = true
		b.mu.Unlock()
		b.pass(100 * time.Millisecond)
		b.expect(Paused, 0)
		b.mu.Lock()
		b.down["canary"] = false
		b.mu.Unlock()
		b.pass(200 * time.Millisecond)
		b.expect(Progressing, 500)
	})
}

func TestAFaultOfTheJudgeFreezesTheWeightsAndCommandsGoOn(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.mu.Lock()
		b.fault = true
		b.mu.Unlock()
		b.pass(time.Hour)
		b.expect(Progressing, 500)
		b.mu.Lock()
		b.fault = false
		b.mu.Unlock()
		b.mustDo("abort")
		b.expect(RollingBack, 0)
	})
}

func TestAReloadIsCheckedThenPutIntoForce(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		next := b.plan
		next.Backends = []Backend{{"stable", "1.0"}, {"canary", "1.2"}}
		if err := b.control.CheckPlan(next); err != nil {
			t.Errorf("CheckPlan = %v", err)
		}
		b.expect(Progressing, 500)
		if err := b.control.SetPlan(t.Context(), next); err != nil {
			t.Fatalf("SetPlan = %v", err)
		}
		b.pass(300 * time.Millisecond)
		b.expect(Progressing, 500)
		if got := b.control.Status().Canary.Version; got != "1.2" {
			t.Errorf("version on trial = %s, want 1.2", got)
		}
		b.mustDo("abort")
		b.pass(time.Second)
		next.Backends = []Backend{{"stable", "1.0.1"}, {"canary", "1.2"}}
		var refused *Refused
		if err := b.control.CheckPlan(next); !errors.As(err, &refused) {
			t.Errorf("CheckPlan = %v, want *Refused", err)
		}
		if err := b.control.SetPlan(t.Context(), next); !errors.As(err, &refused) {
			t.Errorf("SetPlan = %v, want *Refused", err)
		}
	})
}

func TestARolloutThatIsRemovedLeavesNoState(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		if err := b.control.Remove(t.Context()); err != nil {
			t.Fatalf("Remove = %v", err)
		}
		b.pass(time.Second)
		if d, err := b.store.Store.Get(t.Context(), "shop"); err != nil || d.Version != 0 {
			t.Errorf("stored version %d, %v, want none", d.Version, err)
		}
		if d := b.control.Decisions(1)[0]; d.Reason != ReasonConfigRemoved || d.WeightFrom != 500 {
			t.Errorf("decision = %+v, want the abort", d)
		}
	})
}

func TestSubscribersAreNudgedAndGetNoMoreAfterTheirEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		ctx, cancel := context.WithCancel(t.Context())
		ch := b.control.Subscribe(ctx)
		b.pass(200 * time.Millisecond)
		if _, ok := <-ch; !ok {
			t.Error("closed, want a nudge of the start")
		}
		cancel()
		synctest.Wait()
		if _, ok := <-ch; ok {
			t.Error("a nudge after the end")
		}
	})
}

func TestAfterItsEndACommandIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.stop()
		if _, err := b.do(Command{Verb: "abort"}); !errors.Is(err, errStopped) {
			t.Errorf("Do = %v, want %v", err, errStopped)
		}
		if got := b.control.Status().Phase; got != Idle {
			t.Errorf("Status = %s, want Idle", got)
		}
	})
}

func TestAPlanThatContradictsItselfIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Rollout){
		"no backend": func(r *Rollout) { r.Canary = "gone" },
		"the same":   func(r *Rollout) { r.Canary = "stable" },
		"rise":       func(r *Rollout) { r.Steps = []Step{{Weight: 500}, {Weight: 500}} },
		"bakeStable": func(r *Rollout) { r.BakeStable = Full + 1 },
	} {
		p := newWorld().plan
		change(p.Rollout)
		if _, err := New(Config{Plan: p, Store: &memory.Store{}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want an error with %q", err, want)
		}
	}
}

func TestAttemptIDsSortByTimeAndHave26Characters(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1469918176385) // the example of the ULID specification: 01ARYZ6S41
	a, b := attemptID(at, [2]uint64{^uint64(0), ^uint64(0)}), attemptID(at.Add(time.Millisecond), [2]uint64{})
	if len(a) != 26 || !strings.HasPrefix(a, "01ARYZ6S41") || a >= b {
		t.Errorf("ids = %s, %s", a, b)
	}
}
