package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// overrideKey is a file with the key that overrides are signed with.
func overrideKey(t *testing.T) string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "override.key")
	if err := os.WriteFile(key, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return key
}

// post sends a command that has to be done.
func post(t *testing.T, p *testkit.Proxy, verb string, body any) {
	t.Helper()
	if code, text := p.Post(t, "/api/v1/routes/shop/rollout/"+verb, body); code != http.StatusOK {
		t.Fatalf("%s: %d: %s", verb, code, text)
	}
}

// approve opens what the rollout waits at.
func approve(t *testing.T, p *testkit.Proxy, gate string) {
	t.Helper()
	s := p.AwaitRollout(t, "shop", testkit.Patience, "gate "+gate, func(s rollout.Status) bool { return s.Gate == gate })
	post(t, p, "approve", map[string]any{"attempt": s.Attempt, "step": s.Step, "gate": gate, "actor": "qa"})
}

// answersAll is who answers 20 users; "" where it is not always the same.
func answersAll(t *testing.T, p *testkit.Proxy) string {
	t.Helper()
	who := map[string]bool{}
	for range 20 {
		who[testkit.Ask(t, p.Web, "GET", "/").ServedBy()] = true
	}
	if len(who) != 1 {
		return ""
	}
	for name := range who {
		return name
	}
	return ""
}

func TestBlueGreenIsPreviewedByOverrideSwitchedAtOnceAndBroughtBackAtOnce(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, "    override: {secretFile: "+overrideKey(t)+`}
    select:
      - {match: {headers: {X-Canary: {exact: "1"}}}, to: canary, fromStep: 0}
    rollout: {strategy: blueGreen, steps: [{gate: qa}], bake: 1s}
`))
	s := p.AwaitRollout(t, "shop", testkit.Patience, "the gate", func(s rollout.Status) bool { return s.Gate == "qa" })
	if s.Weight != 0 || s.Strategy != "blueGreen" {
		t.Errorf("the preview has weight %v in strategy %q", s.Weight, s.Strategy)
	}
	signed := strings.TrimSpace(testkit.Run(t, "override", "sign", "shop", "canary", "--for", "1h", "-c", p.File).Stdout)
	if got := testkit.Ask(t, p.Web, "GET", "/", "Sluice-Override: "+signed).ServedBy(); got != "canary" {
		t.Errorf("the preview is answered by %q", got)
	}
	if got := testkit.Ask(t, p.Web, "GET", "/", "X-Canary: 1").ServedBy(); got != "stable" {
		t.Errorf("a rule reaches %q before the switch, want stable", got)
	}
	if got := answersAll(t, p); got != "stable" {
		t.Errorf("before the switch users are answered by %q", got)
	}
	approve(t, p, "qa")
	if got := answersAll(t, p); got != "canary" {
		t.Errorf("after the switch users are answered by %q", got)
	}
	end := p.AwaitRollout(t, "shop", testkit.Patience, "the promotion", func(s rollout.Status) bool { return s.Outcome != "" })
	if end.Phase != rollout.Succeeded || end.Outcome != rollout.Promoted {
		t.Errorf("the rollout ended as %s", testkit.Brief(end))
	}
	post(t, p, "undo", map[string]any{})
	if got := answersAll(t, p); got != "stable" {
		t.Errorf("after undo users are answered by %q", got)
	}
	out := testkit.Run(t, "status", "shop", "--admin", p.Admin)
	if !strings.Contains(out.Stdout, "blueGreen") {
		t.Errorf("status says\n%s\nwithout the strategy", out.Stdout)
	}
}

func TestBlueGreenThatFailsInItsBakeIsBroughtBack(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, `    rollout:
      strategy: blueGreen
      steps: [{gate: qa}]
      analysis: {checks: [{metric: error-rate, max: 5%}]}
`))
	testkit.StartLoad(t, p.Web, rate(200))
	approve(t, p, "qa")
	testkit.Until(t, testkit.Patience, "everything on the canary", func() (bool, any) { return canary.Count() > 50, canary.Count() })
	canary.Script(testkit.Failing)
	end := p.AwaitRollout(t, "shop", testkit.Patience, "weight 0", func(s rollout.Status) bool { return s.Weight == 0 })
	checkRolledBack(t, p, end, "abort-on", "error-rate")
	if got := answersAll(t, p); got != "stable" {
		t.Errorf("after the rollback users are answered by %q", got)
	}
}

const onCopies = `    sticky: {by: header, header: X-User-Id}
    mirror: {to: canary}
    rollout:
      strategy: mirror
      hold: 2s
      bake: 1s
      blastRadius: 4%
      analysis: {checks: [{metric: error-rate}]}
`

func TestAVersionIsJudgedOnCopiesUntilAPersonGivesItTheTraffic(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, onCopies))
	load := testkit.StartLoad(t, p.Web, rate(200))
	s := p.AwaitRollout(t, "shop", 60*time.Second, "a person", func(s rollout.Status) bool { return s.WaitingFor == "person" })
	if s.Weight != 0 || len(s.Checks) != 1 || s.Checks[0].Verdict != "pass" || s.Checks[0].Samples < 100 {
		t.Errorf("on copies: %s, checks %+v", testkit.Brief(s), s.Checks)
	}
	if r := load.Stop(t); r.Failed > 0 || r.Of("canary").Sent > 0 {
		t.Errorf("the load saw the canary, or failures:\n%s", r)
	}
	approve(t, p, "person")
	end := p.AwaitRollout(t, "shop", testkit.Patience, "the promotion", func(s rollout.Status) bool { return s.Outcome != "" })
	if end.Phase != rollout.Succeeded {
		t.Errorf("the rollout ended as %s", testkit.Brief(end))
	}
	if got := answersAll(t, p); got != "canary" {
		t.Errorf("users are answered by %q", got)
	}
}

func TestAVersionThatFailsOnCopiesIsRolledBackAndNobodyHasSeenIt(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	canary.Script(func(w http.ResponseWriter, r *http.Request) {
		if canary.Count()%5 == 0 {
			testkit.Failing(w, r)
		}
	})
	p := testkit.Start(t, shop(stable.URL, canary.URL, onCopies))
	load := testkit.StartLoad(t, p.Web, rate(200))
	end := p.AwaitRollout(t, "shop", 60*time.Second, "a rollback", func(s rollout.Status) bool { return s.Outcome != "" })
	checkRolledBack(t, p, end, "error-rate")
	if r := load.Stop(t); r.Failed > 0 || r.Of("canary").Sent > 0 {
		t.Errorf("the load saw the canary, or failures:\n%s", r)
	}
	before := canary.Count()
	answersAll(t, p)
	if got := canary.Count(); got > before {
		t.Errorf("%d copies after the rollback, want none", got-before)
	}
}
