package e2e

import (
	"strings"
	"testing"
	"time"

	"sluice/demo"
	"sluice/internal/testkit"
)

func TestTheDemonstrationsConfigurationIsValid(t *testing.T) {
	t.Parallel()
	for _, s := range demo.Scenarios() {
		text := demo.Config("127.0.0.1:0", "127.0.0.1:0", t.TempDir(), "http://127.0.0.1:1", "http://127.0.0.1:2", s)
		r := testkit.Run(t, "validate", file(t, text))
		if want := "demo: 5 % 6s → 25 % 6s → 50 % 6s → bake 8s"; r.Code != 0 || !strings.Contains(r.Stdout, want) {
			t.Errorf("%s: exit %d with %q, want 0 with %q", s, r.Code, r.Stdout, want)
		}
	}
}

func TestTheDemonstrationEndsAsItsScenarioSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario, sentence string
		code               int
	}{
		{"errors", "Rolled back", 6},
		{"low-traffic", "romoted", 0},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			r := testkit.RunFor(t, 90*time.Second, "demo", "--scenario", c.scenario)
			lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
			if last := lines[len(lines)-1]; r.Code != c.code || !strings.Contains(last, c.sentence) {
				t.Errorf("exit %d with %q at the end, want %d and %q:\n%s", r.Code, last, c.code, c.sentence, r.Stdout)
			}
			if strings.Contains(r.Stdout, "\x1b") {
				t.Error("colours where there is no terminal")
			}
		})
	}
	if r := testkit.Run(t, "demo", "--scenario", "god"); r.Code != 2 || !strings.Contains(r.Stderr, "low-traffic") {
		t.Errorf("an unknown scenario: exit %d, %q; want 2 and the list", r.Code, r.Stderr)
	}
}
