package rollout

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnIncreaseIsOnDiskBeforeItIsApplied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.store.set(5*time.Second, nil)
		b.pass(150 * time.Millisecond)
		b.expect(Idle, 0) // the start is being written
		b.pass(4 * time.Second)
		b.expect(Idle, 0)
		b.pass(time.Second)
		b.expect(Progressing, 500)
		if got := b.stored(); got.Weight != 500 || got.Phase != Progressing {
			t.Errorf("stored = %+v, want the first step", got)
		}
		if held := time.Duration(b.control.Status().Held); held > 200*time.Millisecond {
			t.Errorf("held = %s, want nothing of the time of the write", held)
		}
	})
}

func TestADecreaseIsAppliedWhileTheDiskIsBusy(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.expect(Progressing, 500)
		b.store.set(time.Minute, nil)
		b.serve("canary", 30, 30)
		b.pass(400 * time.Millisecond)
		b.expect(Failed, 0)
		b.pass(3 * time.Minute)
		if got := b.stored(); got.Phase != Failed {
			t.Errorf("stored = %s, want Failed", got.Phase)
		}
	})
}

func TestAnIncreaseWhoseWriteReturnsAfterAnAbortIsNeverApplied(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.store.set(10*time.Second, nil)
		promoted := make(chan error, 1)
		go func() {
			_, err := b.do(Command{Verb: "promote"})
			promoted <- err
		}()
		b.pass(time.Second)
		b.expect(Progressing, 500)
		b.mustDo("abort")
		b.expect(RollingBack, 0)
		var refused *Refused
		if err := <-promoted; !errors.As(err, &refused) {
			t.Errorf("promote = %v, want *Refused", err)
		}
		b.pass(30 * time.Second)
		b.expect(Aborted, 0)
		if b.everApplied(2500) {
			t.Error("the increase was applied")
		}
		if got := b.stored(); got.Phase != Aborted || got.Weight != 0 {
			t.Errorf("stored = %s %s, want Aborted 0%%", got.Phase, got.Weight)
		}
		if last := b.journal.Last("shop", 1)[0]; last.Action != "abort" {
			t.Errorf("newest decision = %s, want abort", last.Action)
		}
	})
}

func TestBolderCommandsWaitForTheWriteBeforeThem(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.store.set(time.Second, nil)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { b.mustDo("promote") })
		}
		wg.Wait()
		b.expect(Baking, 9500)
		if !b.everApplied(2500) {
			t.Error("the first promote was skipped")
		}
	})
}

func TestADiskThatFailsRefusesIncreasesAndNoRollback(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		full := errors.New("no space left on device")
		b.store.set(0, full)
		_, err := b.do(Command{Verb: "promote"})
		var refused *Refused
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), full.Error()) {
			t.Fatalf("promote = %v, want *Refused that names the cause", err)
		}
		b.expect(Progressing, 500)
		if got := b.control.Status().StateError; got != full.Error() {
			t.Errorf("StateError = %q, want the cause", got)
		}
		b.mustDo("pause")
		b.mustDo("abort")
		b.pass(time.Second)
		b.expect(Aborted, 0)
		b.store.set(0, nil)
		b.pass(3 * time.Second)
		if got := b.stored(); got.Phase != Aborted || b.control.Status().StateError != "" {
			t.Errorf("stored = %s, StateError = %q, want Aborted and none", got.Phase, b.control.Status().StateError)
		}
	})
}

func TestAnAbortOnAFullDiskOutlivesAKill(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.store.set(0, errors.New("no space left on device"))
		b.store.room = true
		if _, err := b.do(Command{Verb: "promote"}); err == nil {
			t.Error("promote = nil, want it refused: what is held is no bolder")
		}
		if got := b.stored(); got.Weight != 500 {
			t.Errorf("stored after a refused promote is %s, want 5%%", got.Weight)
		}
		b.mustDo("abort")
		b.pass(10 * time.Millisecond)
		if got, s := b.stored(), b.control.Status(); got.Outcome != OutcomeAborted || !s.StateHeld || s.StateError == "" {
			t.Errorf("at once after the abort %s is stored, held %v, error %q; want it held", got.Phase, s.StateHeld, s.StateError)
		}
		b.stop() // the disk is still full
		b.start()
		defer b.stop()
		b.expect(Paused, 0)
		b.store.set(0, nil)
		b.pass(3 * time.Second)
		b.expect(Aborted, 0)
		if s := b.control.Status(); s.StateHeld || s.StateError != "" {
			t.Errorf("saved, and held %v, error %q", s.StateHeld, s.StateError)
		}
	})
}

func TestAStepGoesOnByItselfOnceTheDiskWorksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plan.Rollout.Steps[0].Hold = 5 * time.Second
		b.start()
		defer b.stop()
		b.pass(200 * time.Millisecond)
		b.store.set(0, errors.New("no space left on device"))
		b.serve("stable", 200, 0)
		b.serve("canary", 200, 0)
		b.pass(20 * time.Second)
		b.expect(Progressing, 500)
		b.store.set(0, nil)
		b.pass(3 * time.Second)
		b.expect(Progressing, 2500)
	})
}
