package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// judged is a rollout that only the judge can roll back.
const judged = `    sticky: {by: header, header: X-User-Id}
    rollout:
      steps: [25%, 50%]
      hold: 10m
      analysis:
        abortOn: off
        checks:
          - {metric: error-rate}
          - {metric: latency, quantile: p95, max: 2s}
`

// replayed is what `sluice why --replay -o json` prints.
type replayed struct {
	rollout.Decision
	Replay struct {
		Result string
		Blocks int
		Starts int
		Checks []struct {
			Name                 string
			Recorded, Recomputed float64
			Equal                bool
		}
		Flaws []struct {
			Kind, What     string
			Record, Offset int
		}
		Notes []string
	}
}

func why(t *testing.T, p *testkit.Proxy, code int, args ...string) replayed {
	t.Helper()
	got := p.CLI(t, append([]string{"why", "shop", "--replay", "-o", "json"}, args...)...)
	var out replayed
	if err := json.Unmarshal([]byte(got.Stdout), &out); err != nil || got.Code != code {
		t.Fatalf("why --replay = %d, %v, want %d: %s%s", got.Code, err, code, got.Stdout, got.Stderr)
	}
	return out
}

func hasSamples(s rollout.Status) bool { return len(s.Checks) > 0 && s.Checks[0].Samples > 50 }

func TestARollbackByTheJudgeIsRecomputedFromItsBlocks(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, judged))
	testkit.StartLoad(t, p.Web, rate(200))
	testkit.Until(t, testkit.Patience, "a canary that answers", func() (bool, any) { return canary.Count() > 60, canary.Count() })
	canary.Script(testkit.Failing)
	p.AwaitRollout(t, "shop", testkit.Patience, "a rollback", func(s rollout.Status) bool { return s.Outcome == rollout.RolledBack })

	got := why(t, p, 0)
	if got.Action != "rollback" || got.Reason != "error-rate" || got.Replay.Result != "equal" || len(got.Replay.Checks) != 2 || got.Replay.Blocks < 10 {
		t.Errorf("why --replay = %+v, want the rollback for error-rate, equal", got)
	}
	if c := got.Replay.Checks[0]; !c.Equal || c.Recomputed != c.Recorded || c.Recorded < 1000 {
		t.Errorf("the check is %+v, want evidence over its limit, recomputed", c)
	}
	if text := p.CLI(t, "why", "--replay"); text.Code != 0 || !strings.Contains(text.Stdout, "replay: equal: the evidence is what") {
		t.Errorf("why --replay = %+v, want that it is equal", text)
	}

	p.Signal(t, syscall.SIGTERM)
	p.Wait(t)
	if offline := testkit.Run(t, "why", "--replay", "--state", p.StateDir); offline.Code != 0 || !strings.Contains(offline.Stdout, "replay: equal") {
		t.Errorf("why --replay --state without a proxy = %+v, want equal", offline)
	}
	log := filepath.Join(p.StateDir, "shop."+got.Attempt+".blocks")
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(log); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log's mode is %v, %v; want 0600", info.Mode(), err)
	}
	text[len(text)*3/4] ^= 4
	if err := os.WriteFile(log, text, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Run(t)
	p.AwaitReady(t)
	damaged := why(t, p, 1)
	if damaged.Replay.Result != "damaged" || len(damaged.Replay.Flaws) != 1 || damaged.Replay.Flaws[0].Record < 2 ||
		!strings.Contains(damaged.Replay.Flaws[0].What, "after the block at") {
		t.Errorf("with a flipped bit: %+v, want the damaged record", damaged.Replay)
	}
	if text := p.CLI(t, "why", "shop", "--replay"); text.Code != 1 || !strings.Contains(text.Stderr, "the block log is damaged: record") {
		t.Errorf("with a flipped bit: %+v, want exit 1 and which record", text)
	}
}

func TestAfterAKillInTheMiddleOfAnAttemptItsEvidenceIsRecomputedAllTheSame(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, judged))
	load := testkit.StartLoad(t, p.Web, rate(200))
	testkit.Until(t, testkit.Patience, "a canary that answers", func() (bool, any) { return canary.Count() > 200, canary.Count() })
	p.AwaitRollout(t, "shop", testkit.Patience, "evidence", hasSamples)
	if got := p.CLI(t, "pause", "shop"); got.Code != 0 { // a decision, saved with what was judged
		t.Fatalf("pause: %+v", got)
	}
	before := why(t, p, 0)
	load.Stop(t)
	p.Kill()

	p.Run(t)
	p.AwaitReady(t)
	testkit.StartLoad(t, p.Web, rate(200))
	p.AwaitRollout(t, "shop", testkit.Patience, "new evidence", hasSamples)
	if got := p.CLI(t, "resume", "shop"); got.Code != 0 {
		t.Fatalf("resume: %+v", got)
	}
	canary.Script(testkit.Failing)
	p.AwaitRollout(t, "shop", 2*testkit.Patience, "a rollback", func(s rollout.Status) bool { return s.Outcome == rollout.RolledBack })
	after := why(t, p, 0)
	if after.Attempt != before.Attempt || after.Replay.Starts != 2 || after.Replay.Result != "equal" {
		t.Errorf("after the kill: %+v, want the same attempt, taken up twice, equal", after)
	}
	if notes := strings.Join(after.Replay.Notes, "\n"); !strings.Contains(notes, "after an unclean end") {
		t.Errorf("notes = %s, want that the end was unclean", notes)
	}
}
