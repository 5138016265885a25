package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// preset is what a named plan brings; every key beside it wins.
type preset struct {
	weights    []Percent
	hold, bake time.Duration
	bakeStable Percent
}

// plain is what a rollout with steps of its own starts from.
var plain = preset{hold: 10 * time.Minute, bake: 10 * time.Minute, bakeStable: 500}

const defaultPreset = "fast"

// presets are all names there are, those of CodeDeploy without its prefixes: the ones that AWS ships for ECS and Lambda. ECS writes
// "1Minutes" where Lambda writes "1Minute".
var presets = func() map[string]preset {
	same := func(hold time.Duration) preset {
		return preset{weights: []Percent{500, 2500, 5000}, hold: hold, bake: hold, bakeStable: 500}
	}
	out := map[string]preset{
		defaultPreset: same(10 * time.Minute),
		"slow":        same(time.Hour),
		"soak":        same(30 * time.Minute),
		"AllAtOnce":   {hold: plain.hold, bake: plain.bake},
	}
	for _, minutes := range []int{5, 10, 15, 30} {
		p := preset{weights: []Percent{1000}, hold: time.Duration(minutes) * time.Minute, bake: plain.bake, bakeStable: 500}
		out[fmt.Sprintf("Canary10Percent%dMinutes", minutes)] = p
	}
	for _, minutes := range []int{1, 2, 3, 10} {
		p := preset{hold: time.Duration(minutes) * time.Minute, bake: plain.bake, bakeStable: 500}
		for w := Percent(1000); w < Full; w += 1000 {
			p.weights = append(p.weights, w)
		}
		out[fmt.Sprintf("Linear10PercentEvery%dMinutes", minutes)] = p
	}
	out["Linear10PercentEvery1Minute"] = out["Linear10PercentEvery1Minutes"]
	return out
}()

// parsePreset reads a preset's name: a CodeDeploy one also as AWS writes it in full, CodeDeployDefault.ECSCanary10Percent5Minutes. The
// short name is what is kept.
func parsePreset(s string) (string, error) {
	name, full := strings.CutPrefix(s, "CodeDeployDefault.")
	short := strings.TrimPrefix(strings.TrimPrefix(name, "ECS"), "Lambda")
	_, known := presets[short]
	aws := strings.HasPrefix(short, "Canary") || strings.HasPrefix(short, "Linear") || short == "AllAtOnce"
	switch {
	case known && (aws || short == s):
		return short, nil
	case name == "OneAtATime" || name == "HalfAtATime":
		return "", errors.New("replaces hosts in batches (EC2), and a proxy has no hosts to replace: it moves traffic; " +
			"name a canary or linear one, like Canary10Percent5Minutes")
	case full:
		return "", errors.New("is no name that CodeDeploy has for Lambda or ECS" + suggestion(short, presetNames()))
	default:
		return oneOf(presetNames())(s)
	}
}

func presetNames() []string {
	names := []string{"fast", "slow", "soak", "AllAtOnce"}
	var others []string
	for name := range presets {
		if !slices.Contains(names, name) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return append(names, others...)
}

// steps writes the preset's weights out.
func (p preset) steps() []Step {
	var out []Step
	for _, w := range p.weights {
		out = append(out, Step{Weight: w})
	}
	return out
}
