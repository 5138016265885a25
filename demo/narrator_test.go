package demo

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/analysis"
	"sluice/rollout"
)

var update = flag.Bool("update", false, "write the golden files anew")

// story is a short rollout that fails in its second step.
func story() []Reading {
	began := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	decisions := []rollout.Decision{
		{
			At: began.Add(8 * time.Second), Attempt: "1", To: rollout.RollingBack,
			Sentence: "Rolled back 1.8 s after the 25% step: the canary failed 107 of 352 requests (30.4%), stable 1 of 1,056 (0.1%); " +
				"the limit is 5%.",
		},
		{At: began.Add(6 * time.Second), Attempt: "1", To: rollout.Progressing, Sentence: "Advanced to 25% after 6 s and 241 canary requests."},
		{At: began, Attempt: "1", To: rollout.Progressing, Sentence: "Started: 1.1 gets 5%."},
	}
	status := rollout.Status{Attempt: "1", Phase: rollout.Progressing, Step: 1, Steps: 4, WaitingFor: "hold"}
	status.Held, status.HoldNeeded = rollout.Duration(time.Second), rollout.Duration(6*time.Second)
	first := Reading{
		Rollout: status, Decisions: decisions[2:],
		Stable: Arm{Weight: 9500, Requests: 760, Errors: 1, P50: 5100 * time.Microsecond, P95: 7 * time.Millisecond},
		Canary: Arm{Weight: 500},
	}
	second := first
	second.Rollout.WaitingFor, second.Rollout.RequestsNeeded = "requests", 59
	second.Stable.Requests, second.Stable.Errors = 1520, 1
	second.Canary = Arm{Weight: 500, Requests: 41, P50: 5200 * time.Microsecond, P95: 12 * time.Millisecond}
	third := second
	third.Rollout.Step, third.Rollout.WaitingFor, third.Decisions = 2, "", decisions
	third.Rollout.Checks = []analysis.Verdict{{Name: "error-rate", Verdict: "fail"}}
	third.Stable = Arm{Weight: 7500, Requests: 2720, Errors: 2, P50: 5100 * time.Microsecond, P95: 7 * time.Millisecond}
	third.Canary = Arm{Weight: 2500, Requests: 441, Errors: 120, P50: 1200 * time.Millisecond, P95: 12 * time.Second}
	return []Reading{first, second, third}
}

func TestTheStoryIsToldAsTheGoldenFilesSay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		width  int
		colour bool
	}{{"file", 0, false}, {"wide", 120, true}, {"eighty", 80, false}, {"narrow", 50, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := narrator{width: c.width, colour: c.colour}
			got := n.header()
			for i, r := range story() {
				at := time.Duration(i+1) * time.Second
				got += n.news(at-100*time.Millisecond, r) + n.news(at, r) + n.line(at, r)
			}
			if c.width > 0 && !c.colour {
				for line := range strings.Lines(got) {
					if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > c.width {
						t.Errorf("a line has %d characters, the terminal %d: %s", n, c.width, line)
					}
				}
			}
			golden(t, c.name+".golden", got)
		})
	}
}

func TestTheReportIsAsTheGoldenFileSays(t *testing.T) {
	t.Parallel()
	var all tally
	for i := range 200 {
		r := Result{Took: time.Duration(i+1) * time.Millisecond, Backend: "stable", Status: 200}
		switch {
		case i%50 == 3:
			r.Status = 500
		case i%50 == 4:
			r = Result{Err: fmt.Errorf("connection reset")}
		case i%4 == 0:
			r.Backend, r.Took = "canary", r.Took*100
		}
		all.add(r)
	}
	golden(t, "report.golden", all.report().String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s, rewritten with -update, differs (-want +got):\n%s", path, diff)
	}
}
