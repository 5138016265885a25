package notify

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/rollout"
	"sluice/store/memory"
)

func TestSeveritiesOfDecisions(t *testing.T) {
	t.Parallel()
	d := func(action string, from, to rollout.Phase, reason string, o rollout.Outcome) rollout.Decision {
		return rollout.Decision{Action: action, From: from, To: to, Reason: reason, Outcome: o}
	}
	for _, c := range []struct {
		what string
		rollout.Decision
		want string
	}{
		{"started", d("start", rollout.Idle, rollout.Progressing, "", ""), "info"},
		{"a step", d("advance", rollout.Progressing, rollout.Progressing, "", ""), "info"},
		{"promoted", d("promote", rollout.Baking, rollout.Succeeded, "", rollout.Promoted), "info"},
		{"waiting for a webhook", d("hold", rollout.Progressing, rollout.Waiting, "webhook", ""), "info"},
		{"a gate was opened", d("approve", rollout.Waiting, rollout.Progressing, "gate", ""), "info"},
		{"paused", d("pause", rollout.Progressing, rollout.Paused, "User", ""), "warn"},
		{"waiting for a gate", d("hold", rollout.Progressing, rollout.Waiting, "gate", ""), "warn"},
		{"started before a gate", d("start", rollout.Idle, rollout.Waiting, "gate", ""), "warn"},
		{"waiting for a person", d("hold", rollout.Progressing, rollout.Waiting, "person", ""), "warn"},
		{"insufficient", d("hold", rollout.Progressing, rollout.Progressing, "Insufficient", ""), "warn"},
		{"promoted without evidence", d("advance", rollout.Progressing, rollout.Progressing, "Insufficient", ""), "warn"},
		{"aborted", d("abort", rollout.Progressing, rollout.RollingBack, "User", rollout.OutcomeAborted), "warn"},
		{"rolled back", d("rollback", rollout.Baking, rollout.RollingBack, "latency", rollout.RolledBack), "error"},
		{"state lost", d("pause", "", rollout.Paused, "StateLost", ""), "error"},
		{"drained", d("rollback", rollout.RollingBack, rollout.Failed, "latency", rollout.RolledBack), "none"},
	} {
		level, ok := severityOf(&c.Decision)
		got := level.String()
		if !ok {
			got = "none"
		}
		if got != c.want {
			t.Errorf("%s is %s, want %s", c.what, got, c.want)
		}
	}
}

func TestWhatTheAnalysisRepeatsIsSaidOnceAndWhatAPersonDoesAlways(t *testing.T) {
	t.Parallel()
	var r repeats
	e := rollout.Event{ID: "1", Decision: rollout.Decision{Attempt: "a", Action: "pause", Actor: "analysis", Reason: "CanaryUnavailable", At: time.Now()}}
	if r.lately(&e) {
		t.Error("the first is a repetition")
	}
	r.note(&e)
	e.Decision.At = e.Decision.At.Add(9 * time.Minute)
	if !r.lately(&e) {
		t.Error("the same nine minutes later is said again")
	}
	for what, change := range map[string]func(d *rollout.Decision){
		"another step":  func(d *rollout.Decision) { d.Step++ },
		"a person's":    func(d *rollout.Decision) { d.Actor = "ann" },
		"an hour later": func(d *rollout.Decision) { d.At = d.At.Add(time.Hour) },
		"a new attempt": func(d *rollout.Decision) { d.Attempt = "b" },
	} {
		other := e
		if change(&other.Decision); r.lately(&other) {
			t.Errorf("%s is left out", what)
		}
	}
}

// The message of a rollback, in each receiver's form, with what its documentation asks for.
func TestEachReceiverGetsItsForm(t *testing.T) {
	t.Parallel()
	e := rollout.Event{ID: "E1", Decision: rollout.Decision{
		At: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Route: "shop", Attempt: "A1", Action: "rollback", Actor: "analysis", From: rollout.Progressing,
		To: rollout.RollingBack, Outcome: rollout.RolledBack, Reason: "error-rate", Sentence: "Rolled back: <!channel> & ``` @everyone.",
		Checks: []rollout.Verdict{{Name: "error-rate", Unit: "percent", Verdict: analysis.Fail, Value: 3.4, StableValue: 0.1, Limit: 5, Samples: 207, StableSamples: 3900}},
	}}
	m := newMessage(&e, Error, "https://ops.example")
	const page = "https://ops.example/ui/#/routes/shop"
	for kind, wants := range map[string][]string{
		"slack":        {`"type":"header"`, `Rolled back: &lt;!channel&gt; &amp;`, "error-rate  fail     3.4%    0.1%    5%     207 / 3900", `"url":"` + page},
		"teams":        {`"contentType":"application/vnd.microsoft.card.adaptive"`, `"type":"AdaptiveCard"`, `"type":"Table"`, `"type":"Action.OpenUrl"`, page},
		"discord":      {`"embeds"`, `"parse":[]`, "3.4%", "](" + page, `"timestamp":"2030-01-02T03:04:05Z"`},
		"alertmanager": {`"alertname":"SluiceRollout"`, `"severity":"critical"`, `"startsAt":"2030-01-02T03:04:05Z"`, `"generatorURL":"` + page, "3.4%"},
		"webhook":      {`"id":"E1"`, `"severity":"error"`, `"sentence":"Rolled back`, `"checks":[`, page},
	} {
		a := Alert{Type: kind}
		b := a.body(&m)
		var any any
		if err := json.Unmarshal(b, &any); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		plain := strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(b))
		for _, want := range wants {
			if !strings.Contains(plain, want) {
				t.Errorf("%s has no %s: %s", kind, want, plain)
			}
		}
	}
	if m = newMessage(&e, Error, ""); len(m.links) != 0 {
		t.Errorf("without publicURL there are links: %v", m.links)
	}
}

func TestWhoWaitsForAPersonLinksToApproveAndAbort(t *testing.T) {
	t.Parallel()
	e := rollout.Event{Decision: rollout.Decision{Route: "shop", To: rollout.Waiting, Reason: "gate", Action: "hold"}}
	m := newMessage(&e, Warn, "https://ops.example")
	var texts []string
	for _, l := range m.links {
		texts = append(texts, l.text)
	}
	if !slices.Equal(texts, []string{"Approve", "Abort"}) {
		t.Errorf("links = %q, want Approve and Abort", texts)
	}
}

func TestAlertsComeOncePerDecisionFromTheirSeverityOn(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(path string, n int) int {
		if path == "/all" && n == 1 {
			return http.StatusTooManyRequests
		}
		return http.StatusOK
	})
	alert := func(path string, s Severity) Alert {
		return Alert{Type: "webhook", Severity: s, Endpoint: Endpoint{URL: r.URL + path, Timeout: patience}}
	}
	s := play(t, new(memory.Store), Settings{Alerts: []Alert{alert("/all", Info), alert("/warn", Warn), alert("/error", Error)}})
	s.await(t, "5%", at(rollout.Progressing))
	for _, verb := range []string{"pause", "resume", "abort"} {
		if _, err := s.Do(t.Context(), rollout.Command{Verb: verb, Actor: "ann"}); err != nil {
			t.Fatal(err)
		}
	}
	s.await(t, "Aborted", at(rollout.Aborted))
	until(t, "an empty outbox", func() bool { return len(s.Undelivered()) == 0 })
	for path, want := range map[string]string{"/all": "start start pause resume abort", "/warn": "pause abort", "/error": ""} {
		var got []string
		for _, c := range r.to(path) {
			var body struct{ Decision rollout.Decision }
			if err := json.Unmarshal(c.body, &body); err != nil {
				t.Fatal(err)
			}
			got = append(got, body.Decision.Action)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s was told of %q, want %q (the first start was answered with 429)", path, got, want)
		}
	}
}
