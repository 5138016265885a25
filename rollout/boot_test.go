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
