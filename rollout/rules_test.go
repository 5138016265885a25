package rollout

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
)

// The page of rules names scripts and tests that exist, and every script.
func TestThePageOfRulesNamesEveryScriptAndNoOther(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../docs/rollout-rules.md")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range sources {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(src)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`(Test\\w+|[a-z0-9_]+)`").FindAllStringSubmatch(string(b), -1) {
		named[m[1]] = true
		if strings.HasPrefix(m[1], "Test") && !strings.Contains(code.String(), "func "+m[1]+"(") {
			t.Errorf("the page names %s, which is no test", m[1])
		}
		if strings.Contains(m[1], "_") {
			if _, err := os.Stat(filepath.Join("testdata", m[1]+".txt")); err != nil {
				t.Errorf("the page names %s, which is no script", m[1])
			}
		}
	}
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range scripts {
		if name := strings.TrimSuffix(filepath.Base(file), ".txt"); !named[name] {
			t.Errorf("the page does not name the script %s", name)
		}
	}
}

// A tick that brings no numbers decides nothing for which they are needed, however long the time was.
func TestATickWithoutNumbersPassesNeitherAStepNorTheBake(t *testing.T) {
	t.Parallel()
	p := newWorld().plan
	for _, phase := range []Phase{Progressing, Baking} {
		s := State{
			Format: stateFormat, Phase: phase, Attempt: "a", Step: 2, Weight: 2500, Requests: 1000, Held: Duration(time.Hour),
			Stable: Role{"stable", "1.0"}, Canary: Role{"canary", "1.1"},
			Checks: []Verdict{{Name: "error-rate", Verdict: analysis.Pass}},
		}
		after, decisions, err := Next(&p, s, &Input{CanaryUp: true, StableUp: true})
		if err != nil || len(decisions) > 0 || after.Phase != phase {
			t.Errorf("%s with no report: %s, %v, %v", phase, after.Phase, decisions, err)
		}
		after, decisions, _ = Next(&p, s, &Input{CanaryUp: true, StableUp: true, Report: &analysis.Report{Findings: s.Checks, Requests: 1000}})
		if len(decisions) == 0 || after.Step == 2 && after.Phase == phase {
			t.Errorf("%s with a report that passes: still %s, %v", phase, after.Phase, decisions)
		}
	}
}

// A clock that was set back takes nothing away, and gives nothing.
func TestTimeThatRunsBackwardsCountsForNothing(t *testing.T) {
	t.Parallel()
	for _, phase := range []Phase{Progressing, RollingBack, Waiting} {
		s := State{
			Phase: phase, AtStop: phase == Waiting, Held: Duration(time.Minute), Age: Duration(time.Minute), Away: Duration(time.Minute),
			Waited: Duration(time.Minute), Approvals: []Approval{{Gate: "qa", Age: Duration(time.Minute)}},
		}
		after := aged(s, -30*time.Second)
		for name, d := range map[string]Duration{
			"held": after.Held, "age": after.Age, "away": after.Away, "waited": after.Waited, "approval": after.Approvals[0].Age,
		} {
			if d != Duration(time.Minute) {
				t.Errorf("%s: %s is %s after a clock that ran back, it was 1m", phase, name, time.Duration(d))
			}
		}
	}
}

// Stable over its limit is a reason to stop only where the check would have a say.
func TestOnlyACheckThatDecidesPausesForStable(t *testing.T) {
	t.Parallel()
	p := newWorld().plan
	for name, c := range map[string]struct {
		waivers []string
		dryRun  bool
		want    Phase
	}{
		"it decides":         {nil, false, Paused},
		"another is waived":  {[]string{"latency-p95"}, false, Paused},
		"it is waived":       {[]string{"error-rate"}, false, Progressing},
		"it only shows":      {nil, true, Progressing},
		"it is both of them": {[]string{"error-rate"}, true, Progressing},
	} {
		s := State{
			Format: stateFormat, Phase: Progressing, Attempt: "a", Step: 1, Weight: 500, Waivers: c.waivers,
			Stable: Role{"stable", "1.0"}, Canary: Role{"canary", "1.1"},
		}
		shared := Verdict{Name: "error-rate", Verdict: analysis.Insufficient, Reason: analysis.ReasonUnhealthy, DryRun: c.dryRun}
		in := &Input{CanaryUp: true, StableUp: true, Report: &analysis.Report{Findings: []Verdict{shared}, Requests: 1000}}
		if after, _, err := Next(&p, s, in); err != nil || after.Phase != c.want {
			t.Errorf("%s: %s %s, %v, want %s", name, after.Phase, after.Reason, err, c.want)
		}
	}
}

// A look that could not use all that came shows nothing, good or bad; when stable is well the numbers of the bad time are gone.
func TestThePauseForStableEndsOnWholeLooksOnlyAndWithNewNumbers(t *testing.T) {
	t.Parallel()
	p := newWorld().plan
	well := []Verdict{{Name: "error-rate", Verdict: analysis.Insufficient}}
	s := State{
		Format: stateFormat, Phase: Paused, Back: Progressing, Reason: ReasonStableUnhealthy, Pauses: []string{ReasonStableUnhealthy},
		Attempt: "a", Step: 1, Weight: 500, Held: Duration(time.Minute), Requests: 900, Needed: 7,
		Stable: Role{"stable", "1.0"}, Canary: Role{"canary", "1.1"},
	}
	in := &Input{CanaryUp: true, StableUp: true, Report: &analysis.Report{Findings: well, Requests: 1000, RequestsNeeded: 5, Faults: 1}}
	if after, _, _ := Next(&p, s, in); after.Phase != Paused {
		t.Errorf("%s after a look with a fault", after.Phase)
	}
	in.Report.Faults = 0
	after, _, _ := Next(&p, s, in)
	if after.Phase != Progressing || after.Requests != 0 || after.Needed != 0 || after.Checks != nil || after.Counted != s.Held {
		t.Errorf("%s with %d requests, %d needed, %v, counted from %v", after.Phase, after.Requests, after.Needed, after.Checks, after.Counted)
	}
}

// Neither a report that says nothing of a check nor one about nobody is proof.
func TestAStepIsNotProvenByWhatIsMissing(t *testing.T) {
	t.Parallel()
	p := newWorld().plan
	pass := []Verdict{{Name: "error-rate", Verdict: analysis.Pass}}
	p.Rollout.Steps[0].MinRequests = 0
	s := State{Phase: Progressing, Step: 1, Weight: 500, Held: Duration(time.Hour), Checks: pass, Requests: 1}
	lacking := func(reason string) func(*State) {
		return func(s *State) {
			s.Checks = []Verdict{{Name: "error-rate", Verdict: analysis.Insufficient, Reason: reason}}
		}
	}
	for what, tt := range map[string]struct {
		change func(*State)
		want   string
	}{
		"nothing is missing":        {func(*State) {}, ""},
		"no request":                {func(s *State) { s.Requests = 0 }, "requests"},
		"no verdict":                {func(s *State) { s.Checks = nil }, "evidence"},
		"requests of a check":       {lacking(analysis.ReasonRequests), "requests"},
		"the evidence of a check":   {lacking(analysis.ReasonEvidence), "evidence"},
		"the hold, and requests":    {func(s *State) { s.Held, s.Requests = 0, 0 }, "hold"},
		"evidence that is left out": {func(s *State) { s.Unproven, s.Checks, s.Requests = true, nil, 0 }, ""},
	} {
		s := s
		tt.change(&s)
		if got := waitingFor(p.Rollout, &s); got != tt.want {
			t.Errorf("%s: waits for %q, want %q: %+v", what, got, tt.want, s)
		}
	}
}
