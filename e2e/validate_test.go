package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

// file is a configuration file of that text.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	write(t, path, text)
	return path
}

const soundFile = `version: 1
routes:
  - name: checkout
    backends:
      stable: {endpoints: [http://127.0.0.1:1], version: "1.41.0", healthCheck: {path: /healthz}}
      canary: {endpoints: [http://127.0.0.1:2], version: "1.42.0", healthCheck: {path: /healthz}}
    sticky: {by: cookie}
    rollout: {preset: fast}
`

func TestASoundFileIsValidAndItsPlanIsToldInWords(t *testing.T) {
	t.Parallel()
	r := testkit.Run(t, "validate", file(t, soundFile))
	if r.Code != 0 || !strings.Contains(r.Stdout, "checkout: 5 % 10m → 25 % 10m → 50 % 10m → bake 10m; at least 40m") {
		t.Errorf("exit %d, want 0 and the plan in words:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

func TestEveryErrorIsNamedWithItsPlaceAndItsMend(t *testing.T) {
	t.Parallel()
	path := file(t, `version: 1
routes:
  - name: checkout
    backends:
      stable: {endpoints: [http://127.0.0.1:1], version: "1"}
      canary: {endpoints: [http://127.0.0.1:2], version: "2"}
    stickey: {by: cookie}
    weights: {stable: 90%, canary: 5%}
  - name: search
    backends:
      stable: {endpoints: [http://127.0.0.1:1], timeouts: {connect: 5}}
`)
	r := testkit.Run(t, "validate", path)
	if r.Code != 3 || strings.Contains(r.Stderr, "goroutine ") {
		t.Errorf("exit %d, want 3 and no stack trace: %s", r.Code, r.Stderr)
	}
	for _, want := range []struct{ place, words string }{{path + ":7:5: error: ", "sticky"}, {path + ":8:", "100"}, {path + ":11:", "5"}} {
		if !lineWith(r.Stdout, want.place, want.words) {
			t.Errorf("no line with %q and %q in:\n%s", want.place, want.words, r.Stdout)
		}
	}
}

func TestAPlanThatWatchesNothingIsRefused(t *testing.T) {
	t.Parallel()
	r := testkit.Run(t, "validate", file(t, strings.Replace(soundFile, "{preset: fast}", "{steps: [5%, 100%]}", 1)))
	if r.Code != 3 || !strings.Contains(r.Stdout, "blind canary") {
		t.Errorf("exit %d, want 3 for a blind canary:\n%s", r.Code, r.Stdout)
	}
}

func TestWarningsPassUnlessStrict(t *testing.T) {
	t.Parallel()
	path := file(t, strings.Replace(soundFile, "    sticky: {by: cookie}\n", "", 1))
	if r := testkit.Run(t, "validate", path); r.Code != 0 || !lineWith(r.Stdout, ": warning: ", "sticky") {
		t.Errorf("exit %d, want 0 with a warning:\n%s", r.Code, r.Stdout)
	}
	if r := testkit.Run(t, "validate", "--strict", path); r.Code != 3 {
		t.Errorf("exit %d with --strict, want 3:\n%s", r.Code, r.Stdout)
	}
}

// lineWith says whether one line of the text has both.
func lineWith(text, place, words string) bool {
	for line := range strings.Lines(text) {
		if _, rest, ok := strings.Cut(line, place); ok && strings.Contains(rest, words) {
			return true
		}
	}
	return false
}
