package demo

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/rollout"
)

// fast is a demonstration against a server that is no proxy, told in lines of 20 ms.
func fast(t *testing.T, s Scenario, reading func() Reading) (Options, *strings.Builder) {
	t.Helper()
	out := &strings.Builder{}
	url := naming(t, func(http.ResponseWriter, *http.Request) {})
	return Options{Proxy: url, Scenario: s, Reading: reading, Out: out, Every: 20 * time.Millisecond, Bound: 20 * time.Second}, out
}

func TestADemonstrationEndsWithTheDecisionsSentence(t *testing.T) {
	t.Parallel()
	looks := 0
	o, out := fast(t, Errors, func() Reading {
		r := Reading{Rollout: rollout.Status{Attempt: "1", Phase: rollout.Progressing, Step: 1, Steps: 4}}
		if looks++; looks > 5 {
			r.Rollout.Phase, r.Rollout.Outcome = rollout.Failed, rollout.RolledBack
			r.Decisions = []rollout.Decision{
				{At: time.Unix(2, 0), Attempt: "1", To: rollout.Failed, Sentence: "The canary's last requests are done."},
				{At: time.Unix(1, 0), Attempt: "1", To: rollout.RollingBack, Sentence: "Rolled back: the canary failed."},
			}
		}
		return r
	})
	got, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got.Rollout != rollout.RolledBack || !got.AsExpected || got.Sentence != "Rolled back: the canary failed." {
		t.Errorf("Run = %+v, want the expected rollback", got)
	}
	if got.Load.Sent == 0 || got.Load.Lost > 0 {
		t.Errorf("the load sent %d and lost %d requests, want some and none", got.Load.Sent, got.Load.Lost)
	}
	told := out.String()
	if !strings.HasSuffix(told, "\nRolled back: the canary failed.\n") || strings.Count(told, "last requests are done") != 1 {
		t.Errorf("the story is\n%s\nwant each decision once, and at the end the one that decided", told)
	}
	if strings.Contains(told, "\x1b") {
		t.Errorf("the story has colours where there is no terminal")
	}
}

func TestADemonstrationSaysThatTheRolloutDidNotEnd(t *testing.T) {
	t.Parallel()
	never := func() Reading { return Reading{Rollout: rollout.Status{Phase: rollout.Progressing}} }
	o, _ := fast(t, Good, never)
	o.Bound = 100 * time.Millisecond
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "100ms") {
		t.Errorf("Run = %v, want that it did not end within 100ms", err)
	}
	o, _ = fast(t, Good, never)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want that it was cancelled", err)
	}
}
