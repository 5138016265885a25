package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

var allVerbs = []string{"start", "pause", "resume", "approve", "promote", "abort", "retry", "undo", "set-weight"}

// standing is what a refused command must not change.
func standing(s rollout.Status) string {
	return fmt.Sprintln(s.Attempt, s.Phase, s.Outcome, s.Reason, s.Step, s.Weight, s.Stable, s.Canary, s.LastDecision)
}

// changesNothing sends a command that has to be refused, and looks at the status, the state in the answer, and that nothing has changed.
func changesNothing(t *testing.T, p *testkit.Proxy, verb string, body any, want int) {
	t.Helper()
	before, decisions := p.Rollout(t, "shop"), len(p.Decisions(t, "shop"))
	code, answer := p.Post(t, "/api/v1/routes/shop/rollout/"+verb, body)
	var problem struct {
		Status  int
		Detail  string
		Rollout *rollout.Status
	}
	if err := json.Unmarshal([]byte(answer), &problem); err != nil || code != want || problem.Status != want || problem.Detail == "" {
		t.Errorf("%s with %v in %s: %d %s, want %d and why", verb, body, before.Phase, code, answer, want)
	}
	if want == http.StatusConflict && (problem.Rollout == nil || standing(*problem.Rollout) != standing(before)) {
		t.Errorf("%s with %v in %s: the answer shows %+v, want the state it met", verb, body, before.Phase, problem.Rollout)
	}
	if after := p.Rollout(t, "shop"); standing(after) != standing(before) || len(p.Decisions(t, "shop")) != decisions {
		t.Errorf("%s with %v was refused and changed the rollout from %s to %s", verb, body, testkit.Brief(before), testkit.Brief(after))
	}
}

// bodies that every verb refuses, with the status they get.
func nonsense() map[int][]any {
	return map[int][]any{
		http.StatusBadRequest: {
			[]int{1},
			"abort",
			map[string]any{"nosuch": 1},
			map[string]any{"step": "one"},
			map[string]any{"actor": "a\nb"},
			map[string]any{"weights": map[string]any{"canary": -1}},
		},
		http.StatusRequestEntityTooLarge: {map[string]any{"comment": string(make([]byte, 100<<10))}},
	}
}

func TestEveryCommandWithGarbageOrForAnotherAttemptChangesNothing(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, slowRollout))
	p.AwaitRollout(t, "shop", testkit.Patience, "step 1", func(s rollout.Status) bool { return s.Step == 1 })
	for _, verb := range allVerbs {
		for want, bodies := range nonsense() {
			for _, body := range bodies {
				changesNothing(t, p, verb, body, want)
			}
		}
	}
	stale := map[string]any{"attempt": "01ANOTHER", "step": 1, "gate": "qa"}
	past := map[string]any{"step": 0}
	for _, verb := range allVerbs {
		if verb == "set-weight" {
			continue // it has no attempt
		}
		changesNothing(t, p, verb, stale, http.StatusConflict)
		if verb != "approve" {
			changesNothing(t, p, verb, past, http.StatusConflict)
		}
	}
	changesNothing(t, p, "approve", map[string]any{}, http.StatusBadRequest) // needs attempt, step and gate
	for _, path := range []string{"/api/v1/routes/nosuch/rollout/abort", "/api/v1/routes/shop/rollout/explode"} {
		if code, answer := p.Post(t, path, map[string]any{}); code != http.StatusNotFound {
			t.Errorf("POST %s = %d %s, want 404", path, code, answer)
		}
	}
}

func TestEveryCommandInTheWrongPhaseOrTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, slowRollout))
	p.AwaitRollout(t, "shop", testkit.Patience, "step 1", func(s rollout.Status) bool { return s.Step == 1 })
	none, all := map[string]any{}, map[string]any{"weights": map[string]any{"stable": 100}}
	wrong := func(verbs ...string) {
		t.Helper()
		for _, verb := range verbs {
			body := none
			if verb == "set-weight" {
				body = all
			}
			changesNothing(t, p, verb, body, http.StatusConflict)
		}
	}
	does := func(verb string, body any, phase rollout.Phase) {
		t.Helper()
		if code, answer := p.Post(t, "/api/v1/routes/shop/rollout/"+verb, body); code != http.StatusOK {
			t.Fatalf("%s = %d %s, want 200", verb, code, answer)
		}
		p.AwaitRollout(t, "shop", testkit.Patience, string(phase), func(s rollout.Status) bool { return s.Phase == phase })
	}
	wrong("start", "resume", "retry", "undo", "set-weight") // Progressing

	does("pause", none, rollout.Paused)
	wrong("start", "pause", "retry", "undo", "set-weight") // pause: twice
	does("resume", none, rollout.Progressing)
	wrong("resume") // twice

	does("promote", map[string]any{"full": true}, rollout.Baking)
	wrong("start", "resume", "promote", "retry", "undo", "set-weight")
	does("promote", map[string]any{"full": true}, rollout.Succeeded)
	wrong("pause", "resume", "promote", "abort", "retry")
	changesNothing(t, p, "start", map[string]any{"version": "2"}, http.StatusConflict) // it is in service

	does("undo", none, rollout.Aborted)
	wrong("start", "pause", "resume", "promote", "undo") // undo: twice; start: the same version needs retry
	before := len(p.Decisions(t, "shop"))
	does("abort", none, rollout.Aborted) // again: nothing changes
	if after := len(p.Decisions(t, "shop")); after != before {
		t.Errorf("a second abort made %d decisions", after-before)
	}
	does("retry", none, rollout.Progressing)
	wrong("retry") // twice
	does("abort", none, rollout.Aborted)
}
