package rollout

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestAStartOnADeadDiskIsOneEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.pass(200 * time.Millisecond)
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
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.pass(200 * time.Millisecond)
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
