package admin

import (
	"testing"
	"time"

	"sluice/rollout"
)

func TestAnAttemptLastsUntilItIsDecided(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_800_000_000, 0)
	s := rollout.Status{Attempt: "a", StartedAt: start}
	if got := lasted(&s, start.Add(time.Minute)); got != time.Minute {
		t.Errorf("while it runs: %v, want 1m", got)
	}
	s.Outcome, s.LastDecision = rollout.Promoted, &rollout.Decision{Attempt: "a", At: start.Add(time.Hour)}
	if got := lasted(&s, start.Add(24*time.Hour)); got != time.Hour {
		t.Errorf("after its end: %v, want 1h", got)
	}
}
