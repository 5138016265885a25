package e2e

import (
	"encoding/json"
	"syscall"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// decision is the next decision of a stream, and its id.
func decision(t *testing.T, s *testkit.Stream) (rollout.Decision, string) {
	t.Helper()
	var d rollout.Decision
	e := s.Next("decision")
	if err := json.Unmarshal([]byte(e.Data), &d); err != nil || e.ID == "" {
		t.Fatalf("decision %s with id %q: %v", e.Data, e.ID, err)
	}
	return d, e.ID
}

func TestWhoListensHearsOfEveryDecisionAlsoOverARestart(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, slowRollout))
	p.AwaitRollout(t, "shop", testkit.Patience, "step 1", func(s rollout.Status) bool { return s.Step == 1 })
	first := testkit.Follow(t, p.Admin, "1")
	begun, id := decision(t, first)
	if begun.Action != "start" {
		t.Errorf("the first decision is %q, want the start", begun.Action)
	}
	call(t, p, 0, "pause", "shop")
	if d, _ := decision(t, first); d.Action != "pause" || d.To != rollout.Paused {
		t.Errorf("then comes %+v, want the pause", d)
	}
	p.Signal(t, syscall.SIGTERM)
	first.Next("end")
	if r := p.Wait(t); r.Code != 0 {
		t.Errorf("exit %d with a stream that was open, want 0: %s", r.Code, r.Stderr)
	}
	p.Run(t)
	p.AwaitReady(t)
	again := testkit.Follow(t, p.Admin, id)
	if d, _ := decision(t, again); d.Action != "pause" {
		t.Errorf("after the restart comes %+v, want what was missed", d)
	}
	call(t, p, 0, "abort", "shop")
	if d, _ := decision(t, again); d.Action != "abort" {
		t.Errorf("then comes %+v, want the abort", d)
	}
}
