package rollout

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestEventsWaitOnDiskForTheirDelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plan.Receivers = true
		b.start()
		b.pass(200 * time.Millisecond)
		b.mustDo("pause")
		b.mustDo("resume")
		b.pass(time.Second)
		b.stop()
		b.start()
		events := b.control.Undelivered()
		if len(events) != 3 || events[0].Decision.Action != "start" || events[0].ID == events[1].ID {
			t.Fatalf("events = %+v, want start, pause, resume", events)
		}
		if err := b.control.Delivered(t.Context(), events[0].ID, events[1].ID, "unknown"); err != nil {
			t.Fatalf("Delivered = %v", err)
		}
		b.pass(time.Second)
		b.stop()
		b.start()
		defer b.stop()
		if left := b.control.Undelivered(); len(left) != 1 || left[0].ID != events[2].ID {
			t.Errorf("events = %+v, want the resume alone", left)
		}
	})
}

func TestADeliveryWaitsForAWriteAndDropsNoStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plan.Receivers = true
		b.start()
		defer b.stop()
		b.pass(200 * time.Millisecond)
		b.store.set(time.Second, nil)
		promoted := make(chan error, 1)
		go func() {
			_, err := b.do(Command{Verb: "promote"})
			promoted <- err
		}()
		synctest.Wait()
		if err := b.control.Delivered(t.Context(), b.control.Undelivered()[0].ID); err != nil {
			t.Errorf("Delivered = %v", err)
		}
		if err := <-promoted; err != nil {
			t.Errorf("promote = %v", err)
		}
		if left := b.control.Undelivered(); len(left) != 1 || left[0].Decision.Action != "promote" {
			t.Errorf("events = %+v, want the promote alone", left)
		}
	})
}

func TestNobodyToTellKeepsNoEventsAndManyAreBounded(t *testing.T) {
	t.Parallel()
	for _, receivers := range []bool{false, true} {
		w := newWorld()
		w.plan.Receivers = receivers
		run := []string{"boot", "tick 1s"}
		for range maxUndelivered {
			run = append(run, "command pause", "command resume")
		}
		for _, line := range run {
			words := strings.Fields(line)
			if err := w.do(words[0], words[1:]); err != nil {
				t.Fatal(err)
			}
		}
		ids := map[string]bool{}
		for _, e := range w.state.Undelivered {
			ids[e.ID] = true
		}
		want := 0
		if receivers {
			want = maxUndelivered
		}
		if len(w.state.Undelivered) != want || len(ids) != want {
			t.Errorf("receivers %v: %d events with %d ids, want %d", receivers, len(w.state.Undelivered), len(ids), want)
		}
	}
}
