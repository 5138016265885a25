package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// selling is a rollout that is judged by what users buy, and holds at its first step for longer than a test.
const selling = `    sticky: {by: header, header: X-User-Id}
    conversion:
      visit: {path: {prefix: /shop}}
      goal: {path: {exact: /done}, methods: [POST], status: [200]}
      responseHeader: Sluice-Conversion
      within: %s
    rollout:
      steps: [25%%, 50%%]
      hold: 10m
      analysis:
        checks:
          - {metric: error-rate}
          - {metric: conversion-rate, maxDecrease: 1%%}
`

// customers visit the shop, and every second one of them goes on to buy.
func customers(t *testing.T, p *testkit.Proxy, name string, n int) {
	t.Helper()
	user := func(i int) string { return fmt.Sprintf("X-User-Id: %s-%d", name, i) }
	testkit.AskMany(t, p.Web, n, func(i int) string { return testkit.Head("GET", "/shop", user(i)) })
	testkit.AskMany(t, p.Web, n/2, func(i int) string { return testkit.Head("POST", "/done", user(2*i), "Content-Length: 0") })
}

// turningAway lets nobody buy, without an error of its own.
func turningAway(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusPaymentRequired)
	}
}

func TestACanaryThatSellsLessIsRolledBack(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	canary.Script(turningAway)
	p := testkit.Start(t, shop(stable.URL, canary.URL, fmt.Sprintf(selling, "2s")))
	p.AwaitRollout(t, "shop", testkit.Patience, "step 1", func(s rollout.Status) bool { return s.Weight == 2500 })
	batch := 0
	end := p.AwaitRollout(t, "shop", 30*time.Second, "a rollback", func(s rollout.Status) bool {
		batch++
		customers(t, p, fmt.Sprint("a", batch), 20)
		return s.Weight == 0
	})
	if end.Outcome != rollout.RolledBack || end.Reason != "conversion-rate" {
		t.Fatalf("the rollout is %s, checks %+v", testkit.Brief(end), end.Checks)
	}
	sentence := end.LastDecision.Sentence
	for _, part := range []string{"Rolled back ", "% of the canary's ", " users converted, ", "% of stable's ", "in at most 1 of "} {
		if !strings.Contains(sentence, part) {
			t.Errorf("the sentence is %q, want %q in it", sentence, part)
		}
	}
	for _, c := range end.Checks {
		if c.Name == "conversion-rate" && (c.Samples == 0 || c.StableSamples == 0 || c.Value >= c.StableValue || c.Metric != "conversion-rate" || c.Unit != "percent") {
			t.Errorf("the check is %+v", c)
		}
	}
	m := p.Metrics(t)
	for _, b := range []string{"stable", "canary"} {
		if v := testkit.Sum(m, "sluice_visits_total", `route="shop"`, `backend="`+b+`"`); v == 0 {
			t.Errorf("no visits of %s in the metrics", b)
		}
	}
	// Whoever visited the canary and was on the way to buy when it was taken back buys at stable, and converts the canary's visit.
	if v, visits := testkit.Sum(m, "sluice_conversions_total", `backend="canary"`), testkit.Sum(m, "sluice_visits_total", `backend="canary"`); v > visits/4 {
		t.Errorf("%v conversions of %v visits of a canary that sells nothing", v, visits)
	}
	if v := testkit.Sum(m, "sluice_conversions_total", `backend="stable"`); v == 0 {
		t.Error("no conversion of stable in the metrics")
	}
}

// report sends a conversion to the admin API.
func report(t *testing.T, p *testkit.Proxy, body map[string]any) (status int, result, backend string) {
	t.Helper()
	status, text := p.Post(t, "/api/v1/events/conversion", body)
	var answer struct{ Result, Backend string }
	_ = json.Unmarshal([]byte(text), &answer)
	return status, answer.Result, answer.Backend
}

func TestConversionsAreReportedOnceToTheAPI(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, fmt.Sprintf(selling, "1h")))
	before := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	p.AwaitRollout(t, "shop", testkit.Patience, "step 1", func(s rollout.Status) bool { return s.Weight == 2500 })
	served := map[string]string{}
	for _, user := range []string{"ann", "bob", "cid"} {
		served[user] = testkit.Ask(t, p.Web, "GET", "/shop", "X-User-Id: "+user).ServedBy()
	}
	for _, c := range []struct {
		name   string
		body   map[string]any
		status int
		result string
	}{
		{"a purchase", map[string]any{"route": "shop", "user": "ann", "id": "1"}, 200, "converted"},
		{"the same event", map[string]any{"route": "shop", "user": "ann", "id": "1"}, 200, "duplicate"},
		{"the same event of another user", map[string]any{"user": "bob", "id": "1"}, 200, "duplicate"},
		{"another event of the same user", map[string]any{"user": "ann", "id": "2"}, 200, "duplicate"},
		{"a stranger", map[string]any{"user": "eve", "id": "3"}, 200, "unknown-user"},
		{"before the visit", map[string]any{"user": "bob", "id": "4", "at": before}, 200, "before-visit"},
		{"in the future", map[string]any{"user": "bob", "id": "4", "at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}, 200, "in-the-future"},
		{"the year 1", map[string]any{"user": "bob", "id": "4", "at": "0001-01-02T00:00:00Z"}, 200, "before-visit"},
		{"now", map[string]any{"user": "bob", "id": "4", "at": time.Now().UTC().Format(time.RFC3339Nano)}, 200, "converted"},
		{"nobody", map[string]any{"route": "shop"}, 400, ""},
		{"no time", map[string]any{"user": "cid", "at": "noon"}, 400, ""},
		{"no route", map[string]any{"user": "cid", "route": "nosuch"}, 404, ""},
	} {
		status, result, backend := report(t, p, c.body)
		if status != c.status || result != c.result {
			t.Errorf("%s: %d %q, want %d %q", c.name, status, result, c.status, c.result)
		}
		if user, _ := c.body["user"].(string); result == "converted" && backend != served[user] {
			t.Errorf("%s: converted for %q, want %q, which served the visit", c.name, backend, served[user])
		}
	}
	m := p.Metrics(t)
	if v := testkit.Sum(m, "sluice_conversions_total", `route="shop"`); v != 2 {
		t.Errorf("%v conversions, want 2", v)
	}
	for result, want := range map[string]float64{"converted": 2, "duplicate": 3, "unknown-user": 1, "before-visit": 2, "in-the-future": 1, "too-late": 0} {
		if v := testkit.Sum(m, "sluice_conversion_events_total", `result="`+result+`"`); v != want {
			t.Errorf("%v events %s, want %v", v, result, want)
		}
	}
}

// A visit that is closed is not reopened, and what is open at a crash is nobody's.
func TestWhatIsClosedOrWasOpenAtACrashCountsNoMore(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, fmt.Sprintf(selling, "3s")))
	before := p.AwaitRollout(t, "shop", testkit.Patience, "step 1", func(s rollout.Status) bool { return s.Weight == 2500 })
	came := 0
	visit := func(name string) {
		for range 10 {
			testkit.Ask(t, p.Web, "GET", "/shop", fmt.Sprint("X-User-Id: ", name, came))
			came++
		}
	}
	samples := func(s rollout.Status) (n uint64) {
		for _, c := range s.Checks {
			if c.Name == "conversion-rate" {
				n = c.Samples + c.StableSamples
			}
		}
		return n
	}
	p.AwaitRollout(t, "shop", testkit.Patience, "visits that are closed", func(s rollout.Status) bool {
		visit("early-")
		return samples(s) >= 100
	})
	if _, result, _ := report(t, p, map[string]any{"user": "early-0"}); result != "too-late" {
		t.Errorf("a conversion after the visit was closed is %q, want too-late", result)
	}
	came = 0
	visit("open-")
	p.Kill()

	p.Run(t)
	p.AwaitReady(t)
	if s := p.Rollout(t, "shop"); s.Attempt != before.Attempt || s.Weight != 2500 {
		t.Errorf("after the kill the rollout is %s, want %s", testkit.Brief(s), testkit.Brief(before))
	}
	if _, result, _ := report(t, p, map[string]any{"user": "open-0"}); result != "unknown-user" {
		t.Errorf("a visit that was open at the crash is %q, want unknown-user", result)
	}
	came = 0
	s := p.AwaitRollout(t, "shop", testkit.Patience, "visits after the crash", func(s rollout.Status) bool {
		visit("late-")
		return samples(s) > 0
	})
	if n := samples(s); n > uint64(came) {
		t.Errorf("%d visits were judged after the crash, and %d came", n, came)
	}
}

func TestTheConversionFieldStaysInsideOnBothProtocols(t *testing.T) {
	t.Parallel()
	sold := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Sluice-Conversion", "order-77")
		w.Header().Set("X-Kept", "1")
		_, _ = io.WriteString(w, "sold")
	}
	stable, canary := pair(t)
	stable.Script(sold)
	canary.Script(sold)
	p := testkit.Prepare(t, "")
	p.WriteWhole(t, fmt.Sprintf(`version: 1
listeners: [{name: web, address: %q, protocols: [http1, h2c]}]
admin: {address: %q}
state: {dir: %q}
%s`, p.Web, p.Admin, p.StateDir, shop(stable.URL, canary.URL, fmt.Sprintf(selling, "1h"))))
	p.Run(t)
	p.AwaitReady(t)
	for i, h2 := range []bool{false, true} {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(!h2)
		protocols.SetUnencryptedHTTP2(h2)
		transport := &http.Transport{Protocols: protocols}
		r, err := http.NewRequest("GET", "http://"+p.Web+"/shop", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-User-Id", fmt.Sprint("user-", i))
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		transport.CloseIdleConnections()
		if answer.Header.Get("Sluice-Conversion") != "" || answer.Header.Get("X-Kept") == "" {
			t.Errorf("h2 %v: the client got %v", h2, answer.Header)
		}
		if v := testkit.Sum(p.Metrics(t), "sluice_conversions_total"); v != float64(i+1) {
			t.Errorf("h2 %v: %v conversions, want %d", h2, v, i+1)
		}
	}
}
