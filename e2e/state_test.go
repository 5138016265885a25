package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// A state that is there and can't be used is no first start: stable has everything, and nothing starts by itself.
func TestAStateThatCanNotBeReadGivesStableEverythingUntilAPersonDecides(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, path string){
		"torn": func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, b[:len(b)/2], 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"empty": func(t *testing.T, path string) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		},
		"gone, its .bak is there": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stable, canary := pair(t)
			p := testkit.Start(t, shop(stable.URL, canary.URL, `    rollout:
      steps: [10%, 30%]
      analysis: {checks: [{metric: error-rate, max: 5%}]}
`))
			p.AwaitRollout(t, "shop", testkit.Patience, "the first step", func(s rollout.Status) bool { return s.Step == 1 })
			p.Signal(t, syscall.SIGTERM)
			p.Wait(t)
			spoil(t, filepath.Join(p.StateDir, "shop.json"))
			p.Run(t)
			p.AwaitReady(t)
			if s := p.Rollout(t, "shop"); s.Phase != rollout.Paused || s.Reason != rollout.ReasonStateLost || s.Weight != 0 {
				t.Errorf("it began with %s, want Paused(StateLost) at 0", testkit.Brief(s))
			}
			checkShare(t, servedBy(testkit.AskMany(t, p.Web, 50, func(int) string { return testkit.Head("GET", "/") })), 0)
			if code, body := p.Post(t, "/api/v1/routes/shop/rollout/resume", map[string]any{}); code != 409 {
				t.Errorf("resume = %d %s, want 409", code, body)
			}
			if code, body := p.Post(t, "/api/v1/routes/shop/rollout/start", map[string]any{}); code != 200 {
				t.Errorf("start = %d %s, want 200", code, body)
			}
			if s := p.Rollout(t, "shop"); s.Phase != rollout.Progressing || s.Weight != 1000 {
				t.Errorf("after a start it is %s, want Progressing at 10%%", testkit.Brief(s))
			}
		})
	}
}

// A person opens a gate through the API: once, with the three names that the status shows.
func TestAGateIsOpenedOnceThroughTheAPI(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, `    rollout:
      steps: [{gate: qa, expires: 1h}, 10%, 30%]
      analysis: {checks: [{metric: error-rate, max: 5%}]}
`))
	s := p.AwaitRollout(t, "shop", testkit.Patience, "the gate", func(s rollout.Status) bool { return s.WaitingFor == "gate" })
	if s.Phase != rollout.Waiting || s.Gate != "qa" || s.ExpiresIn <= 0 || s.Weight != 0 {
		t.Errorf("at the gate it is %+v", s)
	}
	approve := func(body map[string]any) int {
		code, _ := p.Post(t, "/api/v1/routes/shop/rollout/approve", body)
		return code
	}
	whole := map[string]any{"attempt": s.Attempt, "step": s.Step, "gate": "qa", "actor": "alice"}
	for want, body := range map[int]map[string]any{
		400: {"attempt": s.Attempt, "step": s.Step},
		409: {"attempt": s.Attempt, "step": s.Step, "gate": "security"},
	} {
		if got := approve(body); got != want {
			t.Errorf("approve %v = %d, want %d", body, got, want)
		}
	}
	if got := approve(whole); got != 200 {
		t.Errorf("approve = %d, want 200", got)
	}
	if got := approve(whole); got != 409 {
		t.Errorf("the same approval again = %d, want 409", got)
	}
	now := p.Rollout(t, "shop")
	if now.Weight != 1000 || now.LastDecision.Action != "approve" || now.LastDecision.Actor != "alice" {
		t.Errorf("after the approval it is %s by %+v", testkit.Brief(now), now.LastDecision)
	}
}

// Somebody removes the folder of a running process: what is in force is saved into a new one, and so is the journal.
func TestAStateFolderThatIsRemovedIsMadeAgain(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, diskRollout))
	p.AwaitRollout(t, "shop", testkit.Patience, "the first step", func(s rollout.Status) bool { return s.Weight == 2500 })
	if err := os.RemoveAll(p.StateDir); err != nil {
		t.Fatal(err)
	}
	if code, body := p.Post(t, "/api/v1/routes/shop/rollout/promote", map[string]any{}); code != 200 {
		t.Errorf("promote = %d %s, want 200", code, body)
	}
	if lines := journal(t, p); !strings.Contains(lines, `"action":"promote"`) {
		t.Errorf("the journal is %s, want the promotion", lines)
	}
	p.Kill()
	p.Run(t)
	p.AwaitReady(t)
	if s := p.Rollout(t, "shop"); s.Weight != 5000 {
		t.Errorf("after a kill it is %s, want 50%%", testkit.Brief(s))
	}
}
