package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFlagsMeanWhatTheSameFileMeans compares Quick with the file that a user would write instead.
func TestFlagsMeanWhatTheSameFileMeans(t *testing.T) {
	t.Parallel()
	const both = `
listeners: [{address: ":8081"}]
routes:
  - name: default
    backends:
      stable: {endpoints: [http://127.0.0.1:3000], version: stable}
      canary: {endpoints: [http://127.0.0.1:3001], version: canary}
`
	base := QuickOptions{Listen: ":8081", Stable: "http://127.0.0.1:3000", Canary: "http://127.0.0.1:3001", Env: home}
	for name, c := range map[string]struct {
		change func(*QuickOptions)
		file   string
	}{
		"weight":  {func(o *QuickOptions) { o.Weight = "5%" }, both + "    weights: {stable: 95%, canary: 5%}\n"},
		"sticky":  {func(o *QuickOptions) { o.Sticky = true }, both + "    sticky: {by: cookie}\n"},
		"rollout": {func(o *QuickOptions) { o.Rollout = "slow" }, both + "    rollout: {preset: slow}\n"},
		"stable alone": {
			func(o *QuickOptions) { o.Canary = "" },
			strings.Replace(both, "      canary: {endpoints: [http://127.0.0.1:3001], version: canary}\n", "", 1),
		},
	} {
		o := base
		c.change(&o)
		got, findings := Quick(o)
		if len(findings) > 0 {
			t.Errorf("%s: Quick(%+v): %v", name, o, findings)
			continue
		}
		if diff := cmp.Diff(mustParse(t, c.file), got, plainPrefix); diff != "" {
			t.Errorf("%s: Quick differs from the file (-file +flags):\n%s", name, diff)
		}
	}
}

func TestAWrongFlagIsNamed(t *testing.T) {
	t.Parallel()
	c, findings := Quick(QuickOptions{
		Listen: "8080", Canary: "localhost:3001", Weight: "0.5", Rollout: "fats", Env: func(string) (string, bool) { return "", false },
	})
	want := []string{
		`--listen: error: "8080" is only a port; did you mean ":8080"?`,
		`--stable: error: is missing; write it like --stable http://127.0.0.1:3000, or name a file with -c`,
		`--canary: error: "localhost:3001" has no scheme; did you mean "http://localhost:3001"?`,
		`--weight: error: can't stand beside --rollout, as a rollout owns the canary's weight; remove one`,
		`--weight: error: "0.5" is ambiguous; write 0.5% or 50%`,
		`--rollout: error: "fats" is not known; did you mean "fast"?`,
		`sluice run: error: there is no folder for state: neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set; set one`,
	}
	if diff := cmp.Diff(strings.Join(want, "\n"), findings.Err().Error()); diff != "" || c != nil {
		t.Errorf("Quick (-want +got):\n%s", diff)
	}
	_, findings = Quick(QuickOptions{Stable: "http://127.0.0.1:1", Weight: "5%", Env: home})
	if err := findings.Err(); err == nil || err.Error() != "--weight: error: needs --canary, like --canary http://127.0.0.1:3001" {
		t.Errorf("Quick with a weight and no canary: %v", err)
	}
}
