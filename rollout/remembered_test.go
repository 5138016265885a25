package rollout

import (
	"strings"
	"testing"
)

// The decision that people look for is the one that took the canary off the traffic, not the formality that ends it.
func TestTheLastDecisionOfAnAttemptIsItsCause(t *testing.T) {
	t.Parallel()
	w := at(t, []string{"traffic stable 95/s", "boot", "tick 3s", "counts canary errors=60/60", "tick 3s"})
	if d := w.state.Last; w.state.Phase != Failed || d == nil || d.To != RollingBack || !strings.HasPrefix(d.Sentence, "Rolled back") {
		t.Errorf("in %s the last decision is %+v, want the rollback", w.state.Phase, w.state.Last)
	}
}

func TestASupersededVersionTakesNoPlaceAmongThoseThatWereTried(t *testing.T) {
	t.Parallel()
	w := at(t, []string{"boot", "tick 1s", "reload canary=1.2", "tick 2s"})
	if len(w.state.Tried) != 0 || w.state.Canary.Version != "1.2" {
		t.Errorf("tried are %+v with %s on trial, want none", w.state.Tried, w.state.Canary.Version)
	}
}

func TestAnAbortOfALostStateIsOfTheVersionThatIsThereNow(t *testing.T) {
	t.Parallel()
	w := at(t, []string{"boot lost", "reload canary=1.2", "command abort", "tick 5s"})
	if !w.state.failed("1.2") || w.state.active() {
		t.Errorf("in %s tried are %+v, want 1.2 aborted and nothing started", w.where(), w.state.Tried)
	}
}
