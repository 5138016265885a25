package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/rollout"
)

func TestWhatWasNotMeasuredIsADashAndNoZero(t *testing.T) {
	t.Parallel()
	rescued := admin.BackendObject{Name: "canary", Requests: 19, Errors: 19, ErrorRate: 100} // all answered by stable in its place
	if row := backendRows(admin.RouteObject{Backends: []admin.BackendObject{rescued}})[1]; slices.Contains(row, "0s") {
		t.Errorf("a backend without an answer has the row %q, want no latencies", row)
	}
	none := rollout.Verdict{Name: "latency", Unit: "ms", Verdict: "insufficient", StableSamples: 3, StableValue: 7}
	if row := checkRows([]rollout.Verdict{none})[1]; row[2] != "-" || row[3] != "7ms" {
		t.Errorf("a check without samples of the canary has the row %q, want - and 7ms", row)
	}
	list, p := onTrial()
	list.Routes[0].Rollout.Checks = []rollout.Verdict{none}
	list.Routes[0].Backends[1].Recent.Latency = admin.Latency{}
	got := view{width: 120}.routes(list, p)
	if strings.Contains(got, " 0ms") || strings.Contains(got, " 0s ") || !strings.Contains(got, "canary -, stable 7ms, no limit, 0 requests") {
		t.Errorf("the screen has zeros for what nobody measured, or a limit that nobody set:\n%s", got)
	}
}

func TestAWatchedRouteSaysHowMuchEvidenceIsLacking(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{1: "needs 1 more request to the canary", 3000: "needs 3000 more requests to the canary, about 2m"} {
		list, p := onTrial()
		s := list.Routes[0].Rollout
		s.WaitingFor, s.RequestsNeeded = "evidence", n
		if got := (view{width: 120}).routes(list, p); !strings.Contains(got, "Waits for evidence: "+want) {
			t.Errorf("the screen lacks %q:\n%s", want, got)
		}
	}
}

func TestAWatchedBackendWithErrorsIsNeverAllFine(t *testing.T) {
	t.Parallel()
	list, p := onTrial()
	list.Routes[0].Backends[0].Recent.Errors, list.Routes[0].Backends[0].Recent.ErrorRate = 1, 0.0011
	if got := (view{width: 120}).routes(list, p); strings.Contains(got, " 100%") || !strings.Contains(got, "99.99%") {
		t.Errorf("one error of very many reads as none:\n%s", got)
	}
}

func TestWhyIsAboutTheDecisionAndNotAboutTheRequestsThatEndedAfterIt(t *testing.T) {
	t.Parallel()
	_, controller, env := serve(t)
	settled := rollout.Decision{
		Seq: 8, At: admintest.At, Route: "checkout", Attempt: "01JQ", Action: "rollback", Actor: "analysis", From: rollout.Progressing,
		To: rollout.RollingBack, WeightFrom: 500, Reason: "error-rate", Sentence: "Rolled back: too many errors.",
	}
	drained := settled
	drained.Seq, drained.From, drained.To, drained.WeightFrom, drained.Sentence = 9, rollout.RollingBack, rollout.Failed, 0, "The last request ended."
	controller.Set(func(c *admintest.Controller) { c.Journal = slices.Insert(c.Journal, 0, drained, settled) })
	if r := call(t, env, "why", "checkout"); r.code != 0 || !strings.HasPrefix(r.out, "checkout: Rolled back: too many errors.") {
		t.Errorf("why = %d, %q; want the rollback", r.code, r.out)
	}
}

func TestALongWaitIsToldInMinutes(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		42*time.Minute + time.Second: "42m", 5102 * time.Second: "1h25m", 61 * time.Second: "1m1s", 2 * time.Hour: "2h0m",
	} {
		if got := roughly(d); got != want {
			t.Errorf("roughly(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestSeveralErrorsOfOneCallAreToldApart(t *testing.T) {
	t.Parallel()
	r := call(t, nil, "run", "--stable", "http://127.0.0.1:1", "--weight", "0.5")
	if r.code != exitUsage || !strings.Contains(r.err, "3001; --weight: error: ") || strings.Count(r.err, "\n") != 1 {
		t.Errorf("run = %d, %q; want two errors with a semicolon between them, in one line", r.code, r.err)
	}
}

func TestARouteThatRedirectsHasNoTableOfBackends(t *testing.T) {
	t.Parallel()
	moved := admin.RouteObject{Name: "moved", Backends: []admin.BackendObject{}}
	var once strings.Builder
	describeRoute(&once, moved)
	screen := view{width: 80}.routes(admin.RouteList{Routes: []admin.RouteObject{moved}}, &past{})
	if line := (&status{remote: &remote{}}).line(moved); once.String() != "moved: redirects\n" || line != once.String() || strings.TrimSpace(screen) != "moved  redirects" {
		t.Errorf("a redirect is shown as %q, as the line %q, and on the screen as %q", once.String(), line, screen)
	}
}

func TestAValueSaysWhereItMayBeAndWhatHasNoAnswer(t *testing.T) {
	t.Parallel()
	errors := rollout.Verdict{
		Name: "error-rate", Unit: "percent", Value: 1.85, Low: 0.9, High: 3.2, Samples: 812, Bad: 15, Late: 12, StableSamples: 40, StableHigh: 9.1,
	}
	hangs := rollout.Verdict{
		Name: "latency-p95", Unit: "ms", Value: 500, ValueAbove: true, Low: 498, Samples: 40, StableValue: 8.27, StableLow: 8, StableHigh: 8.5, StableSamples: 900,
	}
	failed := rollout.Verdict{Name: "latency", Unit: "ms", Samples: 40}
	rows := checkRows([]rollout.Verdict{errors, hangs, failed})
	for i, want := range [][2]string{{"1.85% (0.9–3.2), 12 late", "0% (0–9.1)"}, {">500ms (from 498)", "8.27ms (8–8.5)"}, {"-", "-"}} {
		if got := [2]string(rows[i+1][2:4]); got != want {
			t.Errorf("the row of %s has %q, want %q", rows[i+1][0], got, want)
		}
	}
}
