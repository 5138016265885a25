package live

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"sluice/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

func TestADeadCanaryIsRolledBackAndAnEqualOneIsNotOverRealHTTP(t *testing.T) {
	t.Parallel()
	dead, equal := scenario(t, "all errors"), scenario(t, "A/A")
	dead.Most = testkit.Patience
	equal.stable.errors, equal.canary.errors, equal.Most = 0, 0, 2*time.Second
	var notes []string
	b := Bench{
		Scenarios: []Scenario{dead, equal}, Runs: 2, Controls: 1, Lanes: 2, Rate: 400, Before: 200 * time.Millisecond,
		Binary: testkit.Binary(t), Note: func(n string) { notes = append(notes, n) },
	}
	r, err := b.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Cells) != 2 || len(notes) != 3 || len(r.Cells[1].Attempts) != 1 || r.Cells[1].Ended[RolledBack] != 0 {
		t.Errorf("%+v, %q: want two attempts rolled back and one that is not", r.Cells, notes)
	}
	for _, a := range r.Cells[0].Attempts {
		if a.Ended != RolledBack || a.Seconds <= 0 || a.Reason == "" || a.Why == "" || a.CanaryFailures == 0 || a.CanaryRequests != a.CanaryFailures {
			t.Errorf("a dead canary: %+v, want a rollback with its reason, and all its answers failures", a)
		}
	}
	var table strings.Builder
	if err := r.WriteTable(&table); err != nil || !strings.Contains(table.String(), "all errors") {
		t.Errorf("table %q, %v", table.String(), err)
	}
}

func TestAnAttemptThatCannotBePlayedEndsTheBench(t *testing.T) {
	t.Parallel()
	b := Bench{Scenarios: Scenarios(), Runs: 2, Lanes: 2, Rate: 100, Binary: "/no/such/binary"}
	if r, err := b.Run(t.Context()); err == nil {
		t.Errorf("%+v, want an error: there is no such binary", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.Binary = testkit.Binary(t)
	if r, err := b.Run(ctx); err == nil {
		t.Errorf("%+v, want an error: the context had ended", r)
	}
}

func TestSecondsAreOfAttemptsThatEndedAsTheyShould(t *testing.T) {
	t.Parallel()
	all := []Attempt{{Ended: RolledBack, Seconds: 1, Reason: "a"}, {Ended: RolledBack, Seconds: 3, Reason: "b"}, {Ended: Held, Seconds: 60}, {Ended: RolledBack, Seconds: 2, Reason: "a"}}
	c := summarize(&Scenario{Name: "x"}, all)
	if c.Median != 2 || c.P10 != 1 || c.P90 != 3 || c.Ended[Held] != 1 || c.Reasons["a"] != 2 {
		t.Errorf("%+v, want a median of 2 s, from 1 to 3, and one held", c)
	}
	if c := summarize(&Scenario{Name: "x", Equal: true}, all); c.Median != 0 {
		t.Errorf("equal versions: median %v, want 0: none was promoted", c.Median)
	}
}

func scenario(t *testing.T, name string) Scenario {
	t.Helper()
	for _, s := range Scenarios() {
		if strings.Contains(s.Name, name) {
			return s
		}
	}
	t.Fatalf("no scenario %q", name)
	return Scenario{}
}
