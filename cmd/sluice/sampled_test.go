package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/rollout"
)

func TestASampledCheckIsShownWithItsFailuresInARow(t *testing.T) {
	t.Parallel()
	cpu := rollout.Verdict{
		Name: "cpu", Metric: "cpu", Unit: "percent", Verdict: "insufficient", Reason: "limit", Sampled: true, Value: 93, StableValue: 41,
		StableSamples: 7, Limit: 80, Samples: 7, Bad: 4, Row: 2, RowLimit: 3,
	}
	nps := rollout.Verdict{
		Name: "nps", Metric: "nps", Verdict: "insufficient", Reason: "no value: status 502", Sampled: true, Limit: 30, AtLeast: true, DryRun: true,
	}
	rows := checkRows([]rollout.Verdict{cpu, nps})
	want := [][]string{
		{"cpu", "insufficient (limit)", "93%", "41%", "at most 80%", "7", "-", "2 in a row", "3"},
		{"nps", "insufficient (dry run) (no value: status 502)", "-", "-", "at least 30", "0", "-", "0 in a row", "-"},
	}
	if diff := cmp.Diff(want, rows[1:]); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	list, p := onTrial()
	list.Routes[0].Rollout.Checks = []rollout.Verdict{cpu, nps}
	got := view{width: 200}.routes(list, p)
	for _, part := range []string{
		"canary 93%, stable 41%, at most 80%, limit, 2 samples failed in a row (limit: 3), 4 of 7 in all",
		"-, at least 30, no value: status 502, 0 samples failed in a row, 0 of 0 in all",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("the screen lacks %q:\n%s", part, got)
		}
	}
}
