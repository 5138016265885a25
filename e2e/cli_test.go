package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// call runs a command against the proxy and looks at its exit code.
func call(t *testing.T, p *testkit.Proxy, code int, args ...string) testkit.Result {
	t.Helper()
	r := p.CLI(t, args...)
	if r.Code != code {
		t.Errorf("sluice %s: exit %d, want %d; it wrote %q and %q", strings.Join(args, " "), r.Code, code, r.Stdout, r.Stderr)
	}
	if code != 0 && strings.Count(strings.TrimSpace(r.Stderr), "\n") > 0 {
		t.Errorf("sluice %s: more than one line on stderr: %q", strings.Join(args, " "), r.Stderr)
	}
	return r
}

func TestARolloutIsSteeredByCommands(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, trialRollout))
	p.AwaitRollout(t, "shop", testkit.Patience, "the first step", func(s rollout.Status) bool { return s.Step == 1 })

	shownText := call(t, p, 0, "status").Stdout
	for _, word := range []string{"shop", "Progressing", "25%"} {
		if !strings.Contains(shownText, word) {
			t.Errorf("status shows %q, want %q in it", shownText, word)
		}
	}
	call(t, p, 5, "rollout", "set-weight", "shop", "stable=75", "canary=25")
	call(t, p, 0, "promote", "shop", "--comment", "it looks well")
	s := p.AwaitRollout(t, "shop", testkit.Patience, "the second step", func(s rollout.Status) bool { return s.Step == 2 })
	if s.Weight != 5000 || s.LastDecision.Action != "promote" || !strings.HasPrefix(s.LastDecision.Actor, "cli") {
		t.Errorf("after promote the rollout is %s by %+v, want 50%% by the CLI", testkit.Brief(s), s.LastDecision)
	}
	call(t, p, 0, "abort", "shop")
	p.AwaitRollout(t, "shop", testkit.Patience, "Aborted", func(s rollout.Status) bool {
		return s.Phase == rollout.Aborted && s.Outcome == rollout.OutcomeAborted && s.Weight == 0
	})
	call(t, p, 0, "abort", "shop") // again: nothing changes
	call(t, p, 5, "promote", "shop")

	call(t, p, 0, "rollout", "set-weight", "shop", "stable=75", "canary=25")
	if got := p.Route(t, "shop").Backend("canary").Weight; got != 25 {
		t.Errorf("after set-weight the canary's weight is %v, want 25", got)
	}
	var shown testkit.Route
	err := json.Unmarshal([]byte(call(t, p, 0, "status", "shop", "-o", "json").Stdout), &shown)
	if err != nil || shown.Backend("canary").Weight != 25 {
		t.Errorf("status -o json shows %+v, %v; want the route object", shown, err)
	}
}

func TestCommandsThatCannotWorkSayWhyInTheirExitCode(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, "    weights: {stable: 90%, canary: 10%}\n"))
	call(t, p, 2, "rollout", "set-weight", "shop", "stable=75%", "canary=half")
	call(t, p, 2, "rollout", "set-weight", "shop", "stable=75", "canary=75")
	call(t, p, 2, "rollout", "set-weight", "shop")
	call(t, p, 1, "status", "nosuch")
	call(t, p, 2, "promote", "--fully")
	r := testkit.Run(t, "status", "--admin", testkit.FreeAddress(t))
	if r.Code != 4 || !strings.Contains(r.Stderr, "--admin") {
		t.Errorf("status of nobody: exit %d, %q; want 4 and what to look at", r.Code, r.Stderr)
	}
}

func TestAWeightSetByHandHoldsOverReloadAndRestart(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	with := func(weights, more string) string {
		return shop(stable.URL, canary.URL, "    weights: "+weights+"\n"+more)
	}
	p := testkit.Start(t, with("{stable: 90%, canary: 10%}", ""))
	call(t, p, 0, "rollout", "set-weight", "shop", "stable=66.67", "canary=33.33")
	awaitWeight(t, p, 33.33)
	p.Write(t, with("{stable: 90%, canary: 10%}", "    sticky: {by: cookie}\n"))
	call(t, p, 0, "reload")
	awaitWeight(t, p, 33.33)
	p.Kill()
	p.Run(t)
	p.AwaitReady(t)
	awaitWeight(t, p, 33.33)
	p.Write(t, with("{stable: 80%, canary: 20%}", ""))
	call(t, p, 0, "reload")
	awaitWeight(t, p, 20)
}
