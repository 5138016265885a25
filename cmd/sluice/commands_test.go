package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/rollout"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// TestMain fixes the time zone in which people's times are written.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

func TestFactsReadWell(t *testing.T) {
	t.Parallel()
	_, controller, env := serve(t)
	rollback := rollout.Decision{
		Seq: 9, At: admintest.At, Attempt: "01JQ", Action: "rollback", Actor: "analysis", From: rollout.Progressing, To: rollout.RollingBack,
		WeightFrom: 500, Step: 1, Reason: "error-rate", Sentence: "error-rate is 12 %, above 5 %.", Comment: "see ticket 7 | <b>",
		Route: "checkout", Checks: []rollout.Verdict{{
			Name: "error-rate", Metric: "error-rate", Unit: "percent", Verdict: "fail", Value: 12, StableValue: 0.1, Limit: 5,
			Samples: 200, StableSamples: 3800, Bad: 24, StableBad: 4, Evidence: 2100, EvidenceLimit: 1000, HarmUpper: 16.5,
		}},
	}
	controller.Set(func(c *admintest.Controller) { c.Journal = slices.Insert(c.Journal, 0, rollback) })
	for name, args := range map[string]string{
		"status":        "status",
		"status-route":  "status checkout",
		"history":       "history checkout",
		"report":        "history checkout -o markdown",
		"why":           "why checkout",
		"explain":       "explain /checkout",
		"set-weight":    "rollout set-weight search stable=75 canary=25%",
		"reload":        "reload",
		"healthcheck":   "healthcheck",
		"abort":         "abort",
		"rollout-retry": "rollout retry",
	} {
		r := call(t, env, strings.Fields(args)...)
		if r.code != 0 || r.err != "" {
			t.Errorf("sluice %s = %d, stderr %q; want 0 and nothing", args, r.code, r.err)
		}
		golden(t, name+".txt", r.out)
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestFactsComeAsTheAPIsJSON(t *testing.T) {
	t.Parallel()
	_, _, env := serve(t)
	read := func(v any, args ...string) {
		t.Helper()
		r := call(t, env, append(args, "-o", "json")...)
		if err := json.Unmarshal([]byte(r.out), v); err != nil || r.code != 0 {
			t.Errorf("sluice %v -o json = %+v: %v", args, r, err)
		}
	}
	var list admin.RouteList
	var route, divided admin.RouteObject
	var state rollout.Status
	var decisions admin.DecisionList
	read(&list, "status")
	read(&route, "status", "checkout")
	read(&state, "pause", "checkout")
	read(&decisions, "history", "checkout", "01JQ")
	read(&divided, "rollout", "set-weight", "search", "stable=75", "canary=25")
	if len(list.Routes) != 3 || route.Name != "checkout" || state.Attempt != "01JQ" || len(decisions.Decisions) != 1 ||
		divided.Name != "search" {
		t.Errorf("read %d routes, route %q, attempt %q, %d decisions, divided %q",
			len(list.Routes), route.Name, state.Attempt, len(decisions.Decisions), divided.Name)
	}
	read(&decisions, "history", "checkout", "another")
	if decisions.Decisions == nil || len(decisions.Decisions) != 0 {
		t.Errorf("decisions of another attempt: %v, want an empty list", decisions.Decisions)
	}
	var last admin.DecisionObject
	if read(&last, "why", "checkout"); last.Action != "start" || last.Checks == nil {
		t.Errorf("why -o json is %+v, want the last decision", last)
	}
}

func TestWhatWasNeverDecidedIsSaidSo(t *testing.T) {
	t.Parallel()
	_, _, env := serve(t)
	for args, want := range map[string]int{
		"why search": exitFailure, "history search -o markdown": exitFailure, "history checkout nosuch -o markdown": exitFailure,
		"history search": 0, "history checkout nosuch": 0,
	} {
		if r := call(t, env, strings.Fields(args)...); r.code != want || r.out != "" || !strings.Contains(r.err, "noth") {
			t.Errorf("sluice %s = %+v, want %d and a note that nothing is known", args, r, want)
		}
	}
}

func TestEveryVerbArrivesWithItsActor(t *testing.T) {
	t.Parallel()
	proxy, controller, env := serve(t)
	for _, args := range [][]string{
		{"pause", "checkout", "--comment", "look at it"},
		{"resume", "checkout"},
		{"approve", "checkout", "--attempt", "01JQ", "--step", "1", "--gate", "qa"},
		{"approve", "checkout"},
		{"promote"},
		{"promote", "checkout", "--full"},
		{"abort", "checkout"},
		{"rollout", "abort", "checkout"},
		{"rollout", "start", "checkout", "--version", "1.43.0"},
		{"rollout", "retry"},
		{"rollout", "undo"},
		{"rollout", "set-weight", "checkout", "stable=99.5", "canary=0.5%"},
	} {
		if r := call(t, env, args...); r.code != 0 {
			t.Errorf("sluice %v = %+v", args, r)
		}
	}
	step := 1
	want := []rollout.Command{
		{Verb: "pause", Comment: "look at it"},
		{Verb: "resume"},
		{Verb: "approve", Attempt: "01JQ", Step: &step, Gate: "qa"},
		{Verb: "approve"},
		{Verb: "promote"},
		{Verb: "promote", Full: true},
		{Verb: "abort"},
		{Verb: "abort"},
		{Verb: "start", Version: "1.43.0"},
		{Verb: "retry"},
		{Verb: "undo"},
		{Verb: "set-weight", Weights: map[string]rollout.Weight{"stable": 9950, "canary": 50}},
	}
	for i := range want {
		want[i].Actor = "cli:ann"
	}
	if diff := cmp.Diff(want, controller.Commands()); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	r := call(t, env, "explain", "http://a/b", "--header", "X-A: 1", "--cookie", "a=1", "--cookie", "b=2",
		"--from-ip", "10.0.0.9", "--method", "HEAD")
	if r.code != 0 {
		t.Errorf("explain = %+v", r)
	}
	call(t, env, "explain", "checkout")
	asked := []admin.ExplainRequest{
		{Method: "HEAD", URL: "http://a/b", Headers: map[string]string{"X-A": "1", "Cookie": "a=1; b=2"}, From: "10.0.0.9"},
		{Route: "checkout"},
	}
	if diff := cmp.Diff(asked, proxy.Asked()); diff != "" {
		t.Errorf("explain asked (-want +got):\n%s", diff)
	}
}

func TestWaitEndsWithTheAttempt(t *testing.T) {
	t.Parallel()
	end := func(phase rollout.Phase, outcome rollout.Outcome) func(int, *rollout.Status) {
		return func(look int, s *rollout.Status) {
			if look > 2 {
				s.Phase, s.Outcome = phase, outcome
			}
		}
	}
	for name, c := range map[string]struct {
		onLook func(int, *rollout.Status)
		code   int
		says   string
	}{
		"promoted":      {end(rollout.Succeeded, rollout.Promoted), 0, ""},
		"fast promoted": {end(rollout.Succeeded, rollout.FastPromoted), 0, ""},
		"rolled back":   {end(rollout.Failed, rollout.RolledBack), exitRolledBack, "ended RolledBack"},
		"aborted":       {end(rollout.Aborted, rollout.OutcomeAborted), exitRolledBack, "ended Aborted"},
		"rolling back":  {end(rollout.RollingBack, rollout.RolledBack), exitTimeout, "has not ended after 2s"},
		// The server looks by itself too, so which look is the command's first is not known.
		"another attempt": {func(look int, s *rollout.Status) { s.Attempt = fmt.Sprint("01J", look) }, exitRolledBack, "another attempt"},
		"a first attempt": {func(look int, s *rollout.Status) {
			s.Attempt, s.Phase = "", rollout.Idle
			if look > 8 {
				s.Attempt, s.Phase, s.Outcome = "01JR", rollout.Succeeded, rollout.Promoted
			}
		}, 0, "no attempt yet"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, controller, env := serve(t)
			controller.Set(func(fake *admintest.Controller) { fake.OnLook = c.onLook })
			timeout := "30s"
			if c.code == exitTimeout {
				timeout = "2s"
			}
			r := call(t, env, "status", "checkout", "--wait", "--timeout", timeout)
			if r.code != c.code || !strings.Contains(r.err, c.says) || c.says == "" && r.err != "" {
				t.Errorf("status --wait = %+v; want %d and %q on stderr", r, c.code, c.says)
			}
		})
	}
}

func TestValidateNamesThePlaceAndThePlan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.yaml", `version: 1
routes:
  - name: checkout
    backends:
      stable: {endpoints: [http://10.0.0.11:8080], version: "1.41.0"}
      canary: {endpoints: [http://10.0.1.11:8080], version: "1.42.0"}
    sticky: {by: cookie}
    rollout: {preset: fast}
`)
	bad := write("bad.yaml", "version: 1\nlistners: []\n")

	r := call(t, nil, "validate", good)
	want := "checkout: 5 % 10m → 25 % 10m → 50 % 10m → bake 10m; at least 40m and 300 requests\n"
	if r.code != 0 || !strings.HasSuffix(r.out, want) {
		t.Errorf("validate of a good file = %+v; want 0, ending %q", r, want)
	}
	if warned := strings.Contains(r.out, ": warning: "); !warned {
		t.Errorf("validate does not warn that nothing checks the backends' health: %q", r.out)
	}
	if r = call(t, nil, "validate", "--strict", good); r.code != exitConfig || !strings.Contains(r.out, ": error: ") {
		t.Errorf("validate --strict with warnings = %+v, want 3", r)
	}
	r = call(t, nil, "validate", good, bad)
	if r.code != exitConfig || !strings.Contains(r.out, bad+":2:1: error: ") || r.err != "sluice: 1 error\n" {
		t.Errorf("validate of a bad file = %+v, want 3 and the place", r)
	}
	if r = call(t, nil, "validate", filepath.Join(dir, "none.yaml")); r.code != exitConfig {
		t.Errorf("validate of no file = %+v, want 3", r)
	}
	var v validation
	r = call(t, nil, "validate", "-o", "json", good, bad)
	if err := json.Unmarshal([]byte(r.out), &v); err != nil || len(v.Plans) != 1 || v.Plans[0].Route != "checkout" {
		t.Errorf("validate -o json = %+v: %v", r, err)
	}
}
