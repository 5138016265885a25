package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/testkit"
	"sluice/rollout"
)

func TestAnAttemptCanBeExplainedToOthers(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, slowRollout))
	s := p.AwaitRollout(t, "shop", testkit.Patience, "step 1", func(s rollout.Status) bool { return s.Step == 1 })
	call(t, p, 0, "abort", "shop", "--comment", "see ticket 7")
	p.AwaitRollout(t, "shop", testkit.Patience, "the end", func(s rollout.Status) bool { return s.Phase == rollout.Aborted })
	report := call(t, p, 0, "history", "shop", "-o", "markdown").Stdout
	for _, part := range []string{"# shop: attempt " + s.Attempt, "| start |", "| abort |", "see ticket 7", "Aborted at 0%"} {
		if !strings.Contains(report, part) {
			t.Errorf("the report lacks %q:\n%s", part, report)
		}
	}
	call(t, p, 0, "rollout", "retry", "shop")
	if again := call(t, p, 0, "history", "shop", s.Attempt, "-o", "markdown").Stdout; !strings.Contains(again, "see ticket 7") {
		t.Errorf("the report of the older attempt is:\n%s", again)
	}
	call(t, p, 1, "history", "shop", "01NOSUCH", "-o", "markdown")
	var last rollout.Decision
	why := call(t, p, 0, "why", "shop", "-o", "json").Stdout
	if err := json.Unmarshal([]byte(why), &last); err != nil || last.Action != "retry" {
		t.Errorf("why -o json is %s: %v, want the retry", why, err)
	}
}

func TestAStarterFileRunsAndIsExplainedBeforeItDoes(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	file := filepath.Join(t.TempDir(), "sluice.yaml")
	if r := testkit.Run(t, "init", stable.URL, canary.URL, "--file", file, "--name", "shop"); r.Code != 0 {
		t.Fatalf("init: exit %d, %s", r.Code, r.Stderr)
	}
	if r := testkit.Run(t, "validate", "--strict", file); r.Code != 0 {
		t.Errorf("validate --strict: exit %d, %s%s", r.Code, r.Stdout, r.Stderr)
	}
	r := testkit.Run(t, "explain", "http://shop.example.com/", "-c", file, "--step", "2", "--cookie", "sluice-id=x")
	if r.Code != 0 || !strings.Contains(r.Stdout, "25% of 100%") {
		t.Errorf("explain -c: exit %d, %q, want step 2's weight", r.Code, r.Stdout)
	}
	if r := testkit.Run(t, "explain", "shop", "-c", file, "--step", "9"); r.Code != 2 {
		t.Errorf("explain of a step that is not there: exit %d, want 2", r.Code)
	}
	p := testkit.Prepare(t, "")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	own := strings.NewReplacer(`":8080"`, `"`+p.Web+`"`, "127.0.0.1:9900", p.Admin, "# state: {dir: /var/lib/sluice}", "state: {dir: "+p.StateDir+"}")
	p.WriteWhole(t, own.Replace(string(text)))
	p.Run(t)
	p.AwaitReady(t)
	p.AwaitRollout(t, "shop", testkit.Patience, "step 1", func(s rollout.Status) bool { return s.Step == 1 })
}

func TestARehearsalShowsThatThePlanRollsBack(t *testing.T) {
	t.Parallel()
	plan := file(t, shop("http://127.0.0.1:1", "http://127.0.0.1:2", `    sticky: {by: cookie}
    rollout:
      steps: [20%, 50%]
      hold: 1h
      bake: 1h
      analysis: {checks: [{metric: error-rate, max: 5%}]}
`))
	r := testkit.RunFor(t, 90*time.Second, "rehearse", plan, "--scenario", "errors")
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	if r.Code != 6 || !strings.Contains(lines[len(lines)-1], "Rolled back") || !strings.Contains(r.Stdout, "times faster") {
		t.Errorf("rehearse with errors: exit %d, want 6 and the rollback:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := testkit.Run(t, "rehearse", file(t, shop("http://127.0.0.1:1", "http://127.0.0.1:2", ""))); r.Code != 2 {
		t.Errorf("rehearse without a rollout: exit %d, want 2: %s", r.Code, r.Stderr)
	}
	if r := testkit.Run(t, "rehearse", file(t, "version: 1\nnosuch: 1\n")); r.Code != 3 {
		t.Errorf("rehearse of a broken file: exit %d, want 3: %s", r.Code, r.Stderr)
	}
}

func TestTheAPIDescribesItself(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, ""))
	var d struct {
		OpenAPI string         `json:"openapi"`
		Paths   map[string]any `json:"paths"`
	}
	code, body := p.Get(t, "/api/openapi.json")
	if err := json.Unmarshal([]byte(body), &d); err != nil || code != 200 || d.OpenAPI != "3.1.0" || len(d.Paths) < 15 {
		t.Errorf("GET /api/openapi.json = %d with %d paths: %v", code, len(d.Paths), err)
	}
}
