package admin_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/rollout"
)

func TestAnErrorIsAProblemThatSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	proxy, controller := admintest.New()
	controller.Err = errors.New("disk on fire")
	address := admintest.Serve(t, proxy, nil)
	const rollout, abort = "/api/v1/routes/checkout/rollout", "/api/v1/routes/checkout/rollout/abort"
	for _, c := range []struct {
		method, path, body string
		status             int
		detail, allow      string
	}{
		{method: "POST", path: "/", status: 404, detail: "nothing at /"},
		{method: "GET", path: "/api/v1/nothing", status: 404, detail: "nothing at /api/v1/nothing"},
		{method: "GET", path: "/api/v1/routes/nosuch", status: 404, detail: `no route "nosuch"; there are: checkout, search, plain`},
		{method: "GET", path: "/api/v1/routes/search/rollout", status: 404, detail: `"search" has no rollout`},
		{method: "POST", path: "/api/v1/routes/search/rollout/abort", status: 404, detail: `"search" has no rollout`},
		{method: "POST", path: "/api/v1/routes/plain/rollout/abort", status: 404, detail: `"plain" has no rollout`},
		{method: "POST", path: rollout + "/explode", status: 404, detail: "nothing at"},
		{method: "POST", path: "/api/v1/routes", status: 405, detail: "POST is not possible", allow: "GET, HEAD"},
		{method: "DELETE", path: rollout, status: 405, detail: "DELETE", allow: "GET, HEAD"},
		{method: "GET", path: abort, status: 405, detail: "GET", allow: "POST"},
		{method: "POST", path: "/metrics", status: 405, detail: "POST", allow: "GET, HEAD"},
		{method: "POST", path: abort, body: strings.Repeat(" ", 64<<10) + "{}", status: 413, detail: "longer than 65536 bytes"},
		{method: "POST", path: abort, body: "{", status: 400, detail: "ends in the middle"},
		{method: "POST", path: abort, body: "{]", status: 400, detail: "invalid character"},
		{method: "POST", path: abort, body: "[]", status: 400, detail: "not a JSON object"},
		{method: "POST", path: abort, body: "null", status: 400, detail: "not a JSON object"},
		{method: "POST", path: abort, body: "{} {}", status: 400, detail: "more than one"},
		{method: "POST", path: abort, body: `{"actr": "ops"}`, status: 400, detail: `unknown field "actr"`},
		{method: "POST", path: abort, body: `{"verb": "promote"}`, status: 400, detail: `unknown field "verb"`},
		{method: "POST", path: abort, body: `{"actor": 5}`, status: 400, detail: `"actor" can't be a number`},
		{method: "POST", path: abort, body: `{"actor": []}`, status: 400, detail: `"actor" can't be an array`},
		{method: "GET", path: "/api/v1/config?before=maybe", status: 400, detail: "before=maybe is neither true nor false"},
		{method: "POST", path: abort, body: `{"actor": "a\nb"}`, status: 400, detail: `"actor"`},
		{method: "POST", path: abort, body: `{"actor": "` + strings.Repeat("a", 129) + `"}`, status: 400, detail: `"actor"`},
		{method: "POST", path: abort, body: `{"comment": "` + strings.Repeat("a", 2049) + `"}`, status: 400, detail: `"comment"`},
		{method: "POST", path: rollout + "/set-weight", body: `{"weights": {"canary": -1}}`, status: 400, detail: `"weights": -1 for "canary"`},
		{method: "POST", path: rollout + "/set-weight", body: `{"weights": {"canary": 101}}`, status: 400, detail: "between 0 and 100"},
		{method: "POST", path: rollout + "/set-weight", body: `{"weights": {"stable": null, "canary": 100}}`, status: 400, detail: "null for \"stable\""},
		{method: "POST", path: rollout + "/set-weight", body: `{"weights": {"stable": 66.667, "canary": 33.333}}`, status: 400, detail: "more than two decimals"},
		{method: "POST", path: "/api/v1/routes/plain/rollout/set-weight", status: 409, detail: "one backend"},
		{method: "POST", path: abort, status: 500, detail: "disk on fire"},
		{method: "GET", path: "/api/v1/routes/checkout/decisions?limit=0", status: 400, detail: "limit=0"},
		{method: "GET", path: "/api/v1/routes/checkout/decisions?limit=x", status: 400, detail: "limit=x"},
		{method: "POST", path: "/api/v1/explain", status: 400, detail: "give url"},
		{method: "POST", path: "/api/v1/events/conversion", status: 400, detail: `"user" is missing`},
		{method: "POST", path: "/api/v1/events/conversion", body: `{"user": "a\u0000"}`, status: 400, detail: "control character"},
		{method: "POST", path: "/api/v1/events/conversion", body: `{"user": "a", "at": "yesterday"}`, status: 400, detail: "yesterday"},
		{method: "POST", path: "/api/v1/events/conversion", body: `{"user": "a", "when": 1}`, status: 400, detail: `unknown field "when"`},
		{method: "POST", path: "/api/v1/events/conversion", body: `{"user": "a", "route": "nosuch"}`, status: 404, detail: "nosuch"},
		{method: "POST", path: "/api/v1/explain", body: `{"url": "/", "header": {}}`, status: 400, detail: `unknown field "header"`},
		{method: "POST", path: "/api/v1/reload", body: `{"x": 1}`, status: 400, detail: `unknown field "x"`},
	} {
		t.Run(c.method+" "+c.path+" "+c.body[:min(len(c.body), 40)], func(t *testing.T) {
			t.Parallel()
			status, header, body := ask(t, address, c.method, c.path, c.body)
			p := problemIn(t, header.Get("Content-Type"), body)
			if status != c.status || p.Status != c.status || !strings.Contains(p.Detail, c.detail) || p.Title == "" || p.Type == "" {
				t.Errorf("answer %d %s; want %d with %q", status, body, c.status, c.detail)
			}
			if header.Get("Allow") != c.allow {
				t.Errorf("Allow %q, want %q", header.Get("Allow"), c.allow)
			}
		})
	}
}

func problemIn(t *testing.T, contentType string, body []byte) admin.Problem {
	t.Helper()
	if contentType != "application/problem+json" {
		t.Errorf("type %q, want application/problem+json", contentType)
	}
	conforms(t, "problem", node{"$ref": "#/components/schemas/Problem"}, body)
	var p admin.Problem
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%s is no problem: %v", body, err)
	}
	return p
}

func TestARefusedCommandShowsTheStateItMet(t *testing.T) {
	t.Parallel()
	proxy, controller := admintest.New()
	controller.Err = &rollout.Refused{Reason: "the attempt is over"}
	address := admintest.Serve(t, proxy, nil)
	status, header, body := ask(t, address, "POST", "/api/v1/routes/checkout/rollout/promote", `{"attempt": "old"}`)
	p := problemIn(t, header.Get("Content-Type"), body)
	if status != 409 || p.Detail != "the attempt is over" || p.Rollout == nil {
		t.Fatalf("answer %d %s", status, body)
	}
	if p.Rollout.Phase != rollout.Progressing || p.Rollout.Attempt != "01JQ" {
		t.Errorf("state in the problem: %+v", p.Rollout)
	}
}

func TestErrorsOfTheProcessHaveTheirStatus(t *testing.T) {
	t.Parallel()
	proxy, controller := admintest.New()
	proxy.NotReady = true
	proxy.ReloadErr = &admin.InvalidConfig{Errors: []string{"a.yaml:3:1: unknown key", "a.yaml:4:1: unknown key"}}
	proxy.ExplainErr = &rollout.Invalid{Reason: "no such address"}
	controller.Err = &rollout.Invalid{Reason: "approve needs a gate"}
	address := admintest.Serve(t, proxy, nil)
	for path, want := range map[string]int{
		"/readyz": 503, "/api/v1/reload": 422, "/api/v1/explain": 400, "/api/v1/routes/checkout/rollout/approve": 400,
	} {
		method, body := "POST", ""
		if path == "/readyz" {
			method = "GET"
		}
		if path == "/api/v1/explain" {
			body = `{"url": "/"}`
		}
		status, header, got := ask(t, address, method, path, body)
		p := problemIn(t, header.Get("Content-Type"), got)
		if status != want {
			t.Errorf("%s = %d %s, want %d", path, status, got, want)
		}
		if path == "/api/v1/reload" && !cmp.Equal(p.Errors, []string{"a.yaml:3:1: unknown key", "a.yaml:4:1: unknown key"}) {
			t.Errorf("errors of the refused configuration: %q", p.Errors)
		}
	}
}

func TestACommandArrivesAsItWasSent(t *testing.T) {
	t.Parallel()
	proxy, controller := admintest.New()
	address := admintest.Serve(t, proxy, nil)
	const base = "/api/v1/routes/checkout/rollout/"
	ask(t, address, "POST", base+"abort", "")
	ask(t, address, "POST", base+"approve", `{"attempt": "01J", "step": 2, "gate": "qa", "actor": "ann", "comment": "two\nlines\u001b[31m"}`)
	ask(t, address, "POST", base+"promote", `{"full": true}`)
	ask(t, address, "POST", base+"start", `{"version": "1.43.0"}`)
	ask(t, address, "POST", base+"set-weight", `{"weights": {"stable": 99.95, "canary": 0.05}}`)
	step := 2
	want := []rollout.Command{
		{Verb: "abort", Actor: "api"},
		{Verb: "approve", Attempt: "01J", Step: &step, Gate: "qa", Actor: "ann", Comment: "two lines [31m"},
		{Verb: "promote", Full: true, Actor: "api"},
		{Verb: "start", Version: "1.43.0", Actor: "api"},
		{Verb: "set-weight", Weights: map[string]rollout.Weight{"stable": 9995, "canary": 5}, Actor: "api"},
	}
	if diff := cmp.Diff(want, controller.Commands()); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

// broken has a bug.
type broken struct{ *admintest.Proxy }

func (broken) Ready() bool { panic("bug: a fault in the process") }

func TestABugAnswersFiveHundredAndTheServerGoesOn(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	address := admintest.Serve(t, broken{proxy}, nil)
	status, header, body := ask(t, address, "GET", "/readyz", "")
	if p := problemIn(t, header.Get("Content-Type"), body); status != 500 || p.Status != 500 {
		t.Errorf("a panic answers %d %s, want 500", status, body)
	}
	if status, _, _ = ask(t, address, "GET", "/healthz", ""); status != 200 {
		t.Errorf("/healthz after a panic = %d, want 200", status)
	}
}
