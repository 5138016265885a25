package rollout

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// gated is a bench whose attempt waits at gate qa before the second weight.
func gated(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.plan.Rollout.Stops = []Stop{{Before: 2, Gate: "qa", Expires: time.Hour}}
	for i := range b.plan.Rollout.Steps {
		b.plan.Rollout.Steps[i].Hold = time.Second
	}
	b.start()
	b.pass(200 * time.Millisecond)
	b.serve("stable", 200, 0)
	b.serve("canary", 200, 0)
	b.pass(2 * time.Second)
	b.expect(Waiting, 500)
	return b
}

// approval is what a person sends who has looked at the status.
func (b *bench) approval() Command {
	s := b.control.Status()
	return Command{Verb: "approve", Attempt: s.Attempt, Step: &s.Step, Gate: s.Gate, Actor: "qa"}
}

func TestAGateIsOpenOnDiskBeforeTheWeightBehindIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gated(t)
		defer func() { b.stop() }()
		approval := b.approval()
		b.store.set(0, errors.New("no space left on device"))
		var refused *Refused
		if _, err := b.do(approval); !errors.As(err, &refused) {
			t.Errorf("approve with a full disk = %v, want *Refused", err)
		}
		b.expect(Waiting, 500)
		b.store.set(0, nil)
		b.pass(2 * time.Second)
		if _, err := b.do(approval); err != nil {
			t.Errorf("approve = %v", err)
		}
		b.expect(Progressing, 2500)
		if got := b.stored(); got.Weight != 2500 || got.Last.Actor != "qa" {
			t.Errorf("stored = %s by %s, want 25%% by qa", got.Weight, got.Last.Actor)
		}
	})
}

func TestOfTwoApprovalsOnTheirWayOneCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gated(t)
		defer func() { b.stop() }()
		b.store.set(time.Second, nil)
		approval := b.approval()
		errs := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := b.do(approval)
				errs <- err
			}()
		}
		if a, c := <-errs, <-errs; (a == nil) == (c == nil) {
			t.Errorf("approve twice = %v and %v, want one done and one refused", a, c)
		}
		b.expect(Progressing, 2500)
	})
}

func TestAnApprovalIsNotLostWithTheProcessThatHadItOnDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gated(t)
		b.stop()
		b.start() // with empty windows
		if _, err := b.do(b.approval()); err != nil {
			t.Fatalf("approve = %v", err)
		}
		b.expect(Progressing, 500)
		b.pass(time.Second)
		b.stop()
		b.start()
		defer b.stop()
		b.pass(time.Second)
		b.expect(Progressing, 500)
		b.serve("stable", 100, 0)
		b.serve("canary", 100, 0)
		b.pass(2 * time.Second)
		b.expect(Progressing, 2500)
	})
}

func TestAGateExpiresOnTheClockThatRunsWhileSomebodyCouldOpenIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gated(t)
		b.pass(30 * time.Minute)
		b.stop()
		time.Sleep(24 * time.Hour) // nobody could open it
		b.start()
		defer b.stop()
		b.pass(29 * time.Minute)
		b.expect(Waiting, 500)
		b.pass(2 * time.Minute)
		b.expect(Paused, 500)
	})
}

func TestAfterAnOutageOfStableTheNumbersBeginAnew(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		for range 20 {
			b.serve("stable", 100, 20)
			b.serve("canary", 50, 10)
			b.pass(500 * time.Millisecond)
		}
		b.expect(Paused, 500)
		if got := b.control.Status().Reason; got != ReasonStableUnhealthy {
			t.Fatalf("reason = %s", got)
		}
		for range 200 {
			b.serve("stable", 100, 0)
			b.pass(500 * time.Millisecond)
		}
		b.expect(Progressing, 500)
		b.serve("canary", 50, 0)
		b.pass(15 * time.Second)
		if s := b.control.Status(); s.Phase != Progressing || s.Checks[0].Samples != 50 {
			t.Errorf("%s with %d requests, want Progressing with 50: %+v", s.Phase, s.Checks[0].Samples, s.LastDecision)
		}
	})
}

func TestAnApprovalOfAnotherStepOpensNothing(t *testing.T) {
	t.Parallel()
	w := at(t, []string{"plan steps=5%,gate:qa,25%", "traffic stable 95/s", "traffic canary 5/s", "boot", "tick 9m"})
	w.state.Approvals = []Approval{{Gate: "qa", Step: 0}, {Gate: "qa", Step: 2}}
	w.tick(2 * time.Minute)
	if w.where() != "Waiting" || w.state.Weight != 500 {
		t.Errorf("%s at %s, want Waiting at 5%%", w.where(), w.state.Weight)
	}
}

func TestTheLastFiftyVersionsAreRemembered(t *testing.T) {
	t.Parallel()
	w := at(t, []string{"plan autoStart=false", "boot"})
	for i := range maxTried + 5 {
		for _, c := range []Command{{Verb: "start", Version: fmt.Sprint("v", i)}, {Verb: "abort"}} {
			w.input(&c)
			w.tick(time.Second)
		}
	}
	if n := len(w.state.Tried); n != maxTried {
		t.Errorf("%d versions are remembered, want %d", n, maxTried)
	}
	if w.state.failed("v4") || !w.state.failed("v5") || !w.state.failed(fmt.Sprint("v", maxTried+4)) {
		t.Errorf("remembered = %+v, want the newest", w.state.Tried)
	}
}

func TestWhatWasCountedAtOneWeightIsNotCountedAtTheNext(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.serve("canary", 500, 0)
		b.pass(time.Second)
		b.mustDo("promote")
		b.pass(time.Second)
		if s := b.control.Status(); s.Step != 2 || s.RequestsNeeded != 100 {
			t.Errorf("step %d needs %d requests, want step 2 with 100", s.Step, s.RequestsNeeded)
		}
	})
}
