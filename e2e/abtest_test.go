package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// failingEach makes an origin fail every n-th request.
func failingEach(o *testkit.Origin, n int64) {
	o.Script(func(w http.ResponseWriter, r *http.Request) {
		if o.Count()%n == 0 {
			testkit.Failing(w, r)
		}
	})
}

const abTest = `    rollout:
      strategy: abTest
      bake: 1s
      abTest: {metric: error-rate, onWinner: ONWINNER}
      analysis: {checks: [{metric: error-rate, dryRun: true}]}
`

func TestTheWinnerOfAnABTestGetsEverything(t *testing.T) {
	t.Parallel()
	for name, sticky := range map[string]string{"by request": "", "by user": "    sticky: {by: header, header: X-User-Id}\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stable, canary := pair(t)
			failingEach(stable, 4)
			p := testkit.Start(t, shop(stable.URL, canary.URL, sticky+strings.ReplaceAll(abTest, "ONWINNER", "promote")))
			testkit.StartLoad(t, p.Web, rate(400))
			end := p.AwaitRollout(t, "shop", 60*time.Second, "a winner in service", func(s rollout.Status) bool { return s.Outcome != "" })
			if end.Phase != rollout.Succeeded || end.ABTest == nil || end.ABTest.Winner != "canary" || end.ABTest.Evidence < end.ABTest.EvidenceLimit {
				t.Errorf("the test ended as %s with %+v, want Succeeded with the canary proven", testkit.Brief(end), end.ABTest)
			}
			if got := answersAll(t, p); got != "canary" {
				t.Errorf("users are answered by %q", got)
			}
			said := false
			for _, d := range p.Decisions(t, "shop") {
				said = said || d.Action == "advance" && d.Winner == "canary" && strings.Contains(d.Sentence, "the canary wins")
			}
			if !said {
				t.Error("no decision names the winner")
			}
			if out := testkit.Run(t, "status", "shop", "--admin", p.Admin).Stdout; !strings.Contains(out, "winner canary") {
				t.Errorf("status names no winner:\n%s", out)
			}
		})
	}
}

func TestAnABTestThatStableWinsAsksAndLeavesStable(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	failingEach(canary, 4)
	p := testkit.Start(t, shop(stable.URL, canary.URL, strings.ReplaceAll(abTest, "ONWINNER", "ask")))
	testkit.StartLoad(t, p.Web, rate(400))
	s := p.AwaitRollout(t, "shop", 60*time.Second, "a winner", func(s rollout.Status) bool { return s.WaitingFor == "person" })
	if s.Weight != 5000 || s.ABTest == nil || s.ABTest.Winner != "stable" {
		t.Errorf("it waits as %s with %+v, want at 50%% with stable as the winner", testkit.Brief(s), s.ABTest)
	}
	approve(t, p, "winner")
	end := p.AwaitRollout(t, "shop", testkit.Patience, "the end", func(s rollout.Status) bool { return s.Phase == rollout.Failed })
	if end.Outcome != rollout.RolledBack || end.Weight != 0 {
		t.Errorf("it ended as %s", testkit.Brief(end))
	}
	if got := answersAll(t, p); got != "stable" {
		t.Errorf("users are answered by %q", got)
	}
}

func TestTheVersionThatSellsMoreWinsAnABTest(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	stable.Script(turningAway)
	p := testkit.Start(t, shop(stable.URL, canary.URL, `    sticky: {by: header, header: X-User-Id}
    conversion:
      visit: {path: {prefix: /shop}}
      goal: {path: {exact: /done}, methods: [POST], status: [200]}
      within: 2s
    rollout:
      strategy: abTest
      bake: 1s
      abTest: {metric: conversion-rate, onWinner: ask}
      analysis: {checks: [{metric: error-rate, dryRun: true}]}
`))
	p.AwaitRollout(t, "shop", testkit.Patience, "the split", func(s rollout.Status) bool { return s.Weight == 5000 })
	batch := 0
	s := p.AwaitRollout(t, "shop", 60*time.Second, "a winner", func(s rollout.Status) bool {
		batch++
		customers(t, p, fmt.Sprint("a", batch), 20)
		return s.WaitingFor == "person"
	})
	if s.ABTest == nil || s.ABTest.Winner != "canary" || !strings.Contains(s.LastDecision.Sentence, "conversion-rate") {
		t.Errorf("it waits as %s with %+v: %q, want the canary, which sells", testkit.Brief(s), s.ABTest, s.LastDecision.Sentence)
	}
}
