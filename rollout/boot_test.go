package rollout

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/analysis"
	"sluice/store/file"
)

func TestAStartOnADeadDiskIsOneEvent(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.stop()
		b.store.set(0, errors.New("read-only file system"))
		b.start()
		defer b.stop()
		n := 0
		for _, d := range b.journal.Last("shop", 100) {
			if d.Action == "pause" && d.Reason == ReasonStateReadOnly {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d pauses in the journal, want 1", n)
		}
	})
}

func TestTheDecisionThatWasCommittedLastIsInTheJournalAfterACrash(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.stop()
		b.journal = OpenJournal("") // the line did not reach the disk
		b.start()
		defer b.stop()
		if all := b.journal.Last("shop", 100); len(all) != 1 || all[0].Action != "start" {
			t.Errorf("journal = %+v, want the start", all)
		}
	})
}

// Seq begins anew with a state that was deleted, and the wall clock may have been set back since the decision before.
func TestTheDecisionThatWasCommittedLastIsInTheJournalWhateverTheClockSays(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]Decision{
		"the clock was set back": {Route: "shop", Seq: 0, Action: "reload", At: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)},
		"the state was deleted":  {Route: "shop", Seq: 900, Action: "abort", At: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.start()
				b.pass(200 * time.Millisecond)
				b.stop()
				b.journal = OpenJournal("")
				b.journal.Add(before)
				for range 2 { // and once only
					b.start()
					b.stop()
				}
				if all := b.journal.Last("shop", 100); len(all) != 2 || all[0].Action != "start" {
					t.Errorf("journal = %+v, want the start once", all)
				}
			})
		})
	}
}

func TestAStoreThatCanNotBeWrittenAtBootKeepsTheCanaryAtZeroUntilItCan(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.stop()
		b.store.set(0, errors.New("read-only file system"))
		b.start()
		defer b.stop()
		if r := b.control.Routing(); r.CanaryWeight != 0 || r.Trial {
			t.Errorf("Routing after New = %+v, want the canary at 0", r)
		}
		b.pass(time.Minute)
		b.expect(Paused, 0)
		if got := b.control.Status().Reason; got != ReasonStateReadOnly {
			t.Errorf("reason = %s", got)
		}
		b.store.set(0, nil)
		b.pass(3 * time.Second)
		b.expect(Progressing, 500)
	})
}

func TestAFirstStartOnAStoreThatCanNotBeWrittenBeginsOnceItCan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.store.set(0, errors.New("read-only file system"))
		b.start()
		defer b.stop()
		b.pass(time.Minute)
		b.expect(Paused, 0)
		b.store.set(0, nil)
		b.pass(3 * time.Second)
		b.expect(Progressing, 500)
	})
}

func TestAStoreThatDoesNotAnswerAtBootKeepsTheCanaryAtZero(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.store.set(time.Minute, nil)
		b.start()
		defer b.stop()
		b.pass(time.Second)
		b.expect(Paused, 0)
		b.store.set(0, nil)
		b.pass(2 * time.Minute)
		b.expect(Progressing, 500)
	})
}

func TestAStateThatIsLostIsNotOverwrittenBeforeAPersonDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.store.lost = true
		b.start()
		defer b.stop()
		b.pass(time.Hour)
		b.expect(Paused, 0)
		b.plan.Rollout.Bake++
		if err := b.control.SetPlan(t.Context(), b.plan); err != nil { // a reload decides nothing
			t.Errorf("SetPlan = %v", err)
		}
		b.pass(time.Minute)
		if d, err := b.store.Store.Get(t.Context(), "shop"); err != nil || d.Version != 0 {
			t.Errorf("stored version %d, %v, want nothing written", d.Version, err)
		}
		b.mustDo("start")
		b.expect(Progressing, 500)
		if got := b.stored(); got.Phase != Progressing {
			t.Errorf("stored = %s, want Progressing", got.Phase)
		}
	})
}

func TestARestartGoesOnAtTheCommittedWeightWithTheTimeHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.pass(9 * time.Minute)
		b.stop()
		time.Sleep(24 * time.Hour) // nobody ran
		b.start()
		defer b.stop()
		if r := b.control.Routing(); r.CanaryWeight != 500 || !r.Trial {
			t.Errorf("Routing after New = %+v, want 5%%", r)
		}
		held := time.Duration(b.control.Status().Held)
		if held < 8*time.Minute+55*time.Second || held > 9*time.Minute {
			t.Errorf("held = %s, want 9 minutes", held)
		}
		b.pass(5 * time.Minute)
		b.expect(Progressing, 500) // minRequests apply again
		b.serve("stable", 100, 0)
		b.serve("canary", 100, 0)
		b.pass(2 * time.Second)
		b.expect(Progressing, 2500)
	})
}

func TestACrashLosesAtMostTenSecondsOfTheTimeHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		for range 20 {
			b.pass(31 * time.Second)
			stored, now := time.Duration(b.stored().Held), time.Duration(b.control.Status().Held)
			if stored > now || now-stored > saveEvery+time.Second {
				t.Fatalf("stored %s of %s held", stored, now)
			}
		}
	})
}

// Evidence goes on in full only after an end in good order, so no state says so but the last one of a process.
func TestAStateIsCleanOnlyWhenItsProcessEndedInGoodOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for range 3 {
			b.start()
			if b.stored().Clean {
				t.Error("clean on disk when the process has begun")
			}
			b.pass(21 * time.Second)
			if b.stored().Clean {
				t.Error("clean on disk while the process runs")
			}
			b.stop()
			if !b.stored().Clean {
				t.Error("not clean after an end in good order")
			}
		}
	})
}

// A crash is a second controller on what the first one had stored.
func TestACrashBetweenApplyAndWriteOfARollbackIsRepeatedByTheNumbers(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.store.set(0, errors.New("no space left on device"))
		b.mustDo("abort")
		b.expect(RollingBack, 0)
		b.stop()
		b.store.set(0, nil)
		b.start()
		defer b.stop()
		b.pass(time.Second)
		b.expect(Progressing, 500) // the last committed state; nothing of the abort was ever on disk
		b.serve("canary", 30, 30)
		b.pass(400 * time.Millisecond)
		b.expect(Failed, 0)
	})
}

func TestManualWeightsOutliveARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plan.Rollout = nil
		b.start()
		weights := map[string]Weight{"stable": 7500, "canary": 2500}
		if _, err := b.do(Command{Verb: "set-weight", Weights: weights}); err != nil {
			t.Fatalf("set-weight = %v", err)
		}
		b.stop()
		b.start()
		if r := b.control.Routing(); r.CanaryWeight != 2500 || r.PairWeight != Full {
			t.Errorf("Routing = %+v, want 25%%", r)
		}
		b.stop()
		b.plan.Weights = map[string]Weight{"stable": 9000, "canary": 1000}
		b.start()
		defer b.stop()
		if r := b.control.Routing(); r.CanaryWeight != 1000 {
			t.Errorf("Routing = %+v, want the file's new 10%%", r)
		}
	})
}

func TestTheStateIsTheSameAfterAWayThroughTheFileStore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	fs, err := file.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	w := newWorld()
	for _, step := range [][]string{{"boot"}, {"tick", "1s"}, {"traffic", "stable", "95/s"}, {"counts", "canary", "errors=40/100", "over=5s"}} {
		if err := w.do(step[0], step[1:]); err != nil {
			t.Fatal(err)
		}
	}
	b, err := w.state.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Swap(t.Context(), "shop", 0, b); err != nil {
		t.Fatal(err)
	}
	d, err := fs.Get(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeState(d.Value)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.state, got); diff != "" {
		t.Errorf("state: %s", diff)
	}
	if got.Checks[0].Verdict != analysis.Fail {
		t.Errorf("checks = %+v", got.Checks)
	}
}
