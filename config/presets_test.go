package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The numbers are those of AWS's table of predefined deployment configurations for ECS and Lambda, and config's own.
func TestEveryPresetHasItsNumbersUnderEveryName(t *testing.T) {
	t.Parallel()
	const third = "5%, 25%, 50%"
	const tenth = "10%, 20%, 30%, 40%, 50%, 60%, 70%, 80%, 90%"
	names := map[string]struct {
		steps      string
		hold, bake time.Duration
		bakeStable Percent
	}{
		"fast": {third, 10 * time.Minute, 10 * time.Minute, 500},
		"slow": {third, time.Hour, time.Hour, 500},
		"soak": {third, 30 * time.Minute, 30 * time.Minute, 500},
	}
	add := func(name, steps string, hold time.Duration, bakeStable Percent) {
		for _, prefix := range []string{"", "CodeDeployDefault.", "CodeDeployDefault.ECS", "CodeDeployDefault.Lambda", "ECS", "Lambda"} {
			names[prefix+name] = struct {
				steps      string
				hold, bake time.Duration
				bakeStable Percent
			}{steps, hold, 10 * time.Minute, bakeStable}
		}
	}
	add("AllAtOnce", "", 0, 0)
	for _, m := range []int{5, 10, 15, 30} {
		add(fmt.Sprintf("Canary10Percent%dMinutes", m), "10%", time.Duration(m)*time.Minute, 500)
	}
	for _, m := range []int{1, 2, 3, 10} {
		add(fmt.Sprintf("Linear10PercentEvery%dMinutes", m), tenth, time.Duration(m)*time.Minute, 500)
	}
	add("Linear10PercentEvery1Minute", tenth, time.Minute, 500)
	for name, want := range names {
		c, err := presetOf(name)
		if err != nil {
			t.Errorf("preset %s: %v", name, err)
			continue
		}
		r := c.Routes[0].Rollout
		var steps []string
		for _, s := range r.Steps {
			steps = append(steps, s.Weight.String())
			if s.Hold != want.hold {
				t.Errorf("preset %s: hold at %s = %s, want %s", name, s.Weight, s.Hold, want.hold)
			}
		}
		if got := strings.Join(steps, ", "); got != want.steps || r.Bake != want.bake || r.BakeStable != want.bakeStable {
			t.Errorf("preset %s = %s bake %s keeping %s, want %s bake %s keeping %s",
				name, got, r.Bake, r.BakeStable, want.steps, want.bake, want.bakeStable)
		}
		if len(r.Analysis.Checks) != 2 {
			t.Errorf("preset %s brings checks %+v, want two", name, r.Analysis.Checks)
		}
	}
}

func TestWhatIsNoPresetIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"OneAtATime":                                    "replaces hosts in batches (EC2)",
		"HalfAtATime":                                   "replaces hosts in batches (EC2)",
		"CodeDeployDefault.OneAtATime":                  "replaces hosts in batches (EC2)",
		"CodeDeployDefault.HalfAtATime":                 "replaces hosts in batches (EC2)",
		"CodeDeployDefault.fast":                        "is no name that CodeDeploy has",
		"CodeDeployDefault.Canary10Percent5Minute":      `did you mean "Canary10Percent5Minutes"?`,
		"CodeDeployDefault.Linear10PercentEvery5Minute": "is no name that CodeDeploy has",
		"Lambdafast":                                    "is not known",
		"fats":                                          `did you mean "fast"?`,
	} {
		if _, err := presetOf(name); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "p.yml:1:") {
			t.Errorf("preset %s: error = %v, want %q with its place", name, err, want)
		}
	}
}

func presetOf(name string) (*Config, error) {
	src := `routes: [{name: a, backends: {stable: {endpoints: ["http://s"], version: "1"}, canary: {endpoints: ["http://c"], version: "2"}},` +
		` rollout: {preset: ` + name + `}}]`
	c, findings := Parse("p.yml", []byte(src), home)
	return c, findings.Err()
}
