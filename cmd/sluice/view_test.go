package main

import (
	"strings"
	"testing"
	"time"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/rollout"
)

// onTrial is a route whose canary has a quarter of the traffic, and its last minutes.
func onTrial() (admin.RouteList, *past) {
	s := admintest.Progressing()
	s.Plan = []rollout.PlanStep{{Weight: 500}, {Weight: 2500}, {Weight: 9500, Bake: true}}
	s.Step, s.Steps, s.Weight = 2, 3, 2500
	s.Checks[0].Evidence, s.Checks[0].EvidenceLimit = 0.4, 1000
	s.LastDecision = &rollout.Decision{Action: "advance", Actor: "analysis", Sentence: strings.Repeat("a long sentence ", 12)}
	recent := func(rate float64) admin.Recent {
		return admin.Recent{Requests: uint64(rate * 15), Rate: rate, Share: rate, ErrorRate: 0.5, Latency: admin.Latency{P50: rollout.Duration(20 * time.Millisecond)}}
	}
	r := admin.RouteObject{Name: "checkout", Rollout: &s, Backends: []admin.BackendObject{
		{Name: "stable", Version: "1.41.0", Weight: 7500, Recent: recent(75)},
		{Name: "canary", Version: "1.42.0", Weight: 2500, Recent: recent(25)},
	}}
	column := admin.SeriesBackend{Name: "canary"}
	for i := range uint32(100) {
		column.Requests, column.Errors = append(column.Requests, new(uint32(10))), append(column.Errors, new(i/50*5))
		column.P99 = append(column.P99, new(rollout.Duration(i)))
	}
	return admin.RouteList{Routes: []admin.RouteObject{r, {Name: "plain", Backends: r.Backends[:1]}}},
		&past{routes: map[string]admin.SeriesObject{"checkout": {Backends: []admin.SeriesBackend{column}}}}
}

func TestAWatchedRouteSaysWhoGetsWhatAndWhyItHolds(t *testing.T) {
	t.Parallel()
	list, p := onTrial()
	got := view{width: 120}.routes(list, p)
	for _, part := range []string{
		"checkout  Progressing  step 2 of 3, 25% on canary 1.42.0", "Holds for another 9m29s; needs 312 more requests to the canary, about 12s.",
		"✓ 5%  ▶ 25%  · 95% bake", strings.Repeat("█", 57) + strings.Repeat("▒", 19), "✓ error-rate", "evidence 0.4 of 1000", "99.5%",
		"to go back: sluice abort checkout", "▁▁▁▁▁▁▁▁▁▁██", "plain  fixed weights",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("the frame lacks %q:\n%s", part, got)
		}
	}
	if strings.Contains(got, "\x1b") {
		t.Error("without colour the frame has control sequences")
	}
	if coloured := (view{width: 120, colour: true}).routes(list, p); !strings.Contains(coloured, "\x1b[34m") {
		t.Error("with colour the frame has none")
	}
}

func TestAWatchedRouteFitsItsTerminal(t *testing.T) {
	t.Parallel()
	list, p := onTrial()
	for _, width := range []int{80, 96, 120, 200} {
		for _, line := range strings.Split(view{width: width}.routes(list, p), "\n") {
			if n := len([]rune(line)); n > width {
				t.Errorf("on %d columns a line has %d: %q", width, n, line)
			}
		}
	}
}

func TestASparklineHasTheNewestAtItsEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		width  int
		least  float64
		want   string
	}{
		{nil, 3, 0, "   "},
		{[]float64{0, 0}, 3, 0, " ▁▁"},
		{[]float64{0, 1, 2}, 3, 0, "▁▄█"},
		{[]float64{9, 0, 0, 0, 1, 9}, 3, 0, "█▁█"},
		{[]float64{0.1}, 1, 1, "▁"},
	} {
		if got := spark(c.values, c.width, c.least); got != c.want {
			t.Errorf("spark(%v, %d, %v) = %q, want %q", c.values, c.width, c.least, got, c.want)
		}
	}
}

func TestAColouredLineIsCutByWhatIsSeen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"\x1b[31mabc\x1b[0m", 3, "\x1b[31mabc\x1b[0m"},
		{"\x1b[31mabcd\x1b[0m", 3, "\x1b[31mab…\x1b[0m"},
		{"abcd", 3, "ab…"},
		{"abc", 3, "abc"},
	} {
		if got := cut(c.line, c.width); got != c.want {
			t.Errorf("cut(%q, %d) = %q, want %q", c.line, c.width, got, c.want)
		}
	}
}

func TestAWatchedPauseSaysWhatEndsIt(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string][2]string{
		rollout.ReasonUser:            {"A person paused it", "to go on: sluice resume checkout"},
		rollout.ReasonStableUnhealthy: {"by itself when stable is well", "to go back: sluice abort checkout"},
		"Novel":                       {"Paused: Novel.", "to go back: sluice abort checkout"},
	} {
		list, p := onTrial()
		s := list.Routes[0].Rollout
		s.Phase, s.Reason, s.WaitingFor, s.RequestsNeeded = rollout.Paused, reason, "", 0
		got := view{width: 120}.routes(list, p)
		if !strings.Contains(got, want[0]) || !strings.Contains(got, want[1]) || reason != rollout.ReasonUser && strings.Contains(got, "resume checkout") {
			t.Errorf("paused for %s, the frame lacks %q:\n%s", reason, want, got)
		}
	}
}
