package app

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"sluice/admin"
	"sluice/config"
	"sluice/rollout"
)

func TestAPreviewAnswersForAFileThatNothingRuns(t *testing.T) {
	t.Parallel()
	cfg, findings := config.Parse("test.yaml", []byte(`
identity: {trust: [10.0.0.0/8], key: [{header: X-User-Id}]}
routes:
  - name: shop
    match: [{path: {prefix: /shop}}]
    backends:
      stable: {endpoints: ["http://10.0.0.1:80"], version: "1"}
      canary: {endpoints: ["http://10.0.0.2:80"], version: "2"}
    sticky: {by: identity}
    select: [{beta: {users: [ann]}, to: canary}]
    rollout: {preset: fast}
`), func(string) (string, bool) { return "/tmp", true })
	if err := findings.Err(); err != nil {
		t.Fatal(err)
	}
	ann := admin.ExplainRequest{URL: "/shop", From: "10.0.0.9", Headers: map[string]string{"X-User-Id": "ann"}}
	for _, c := range []struct {
		step                  int
		q                     admin.ExplainRequest
		route, reason, detail string
	}{
		{0, admin.ExplainRequest{URL: "/other"}, "", "", "404"},
		{0, ann, "shop", "sticky", "0% of 100%"}, // no attempt: the rule rests
		{1, ann, "shop", "beta", "beta list"},
		{2, admin.ExplainRequest{Route: "shop", From: "10.0.0.9", Headers: map[string]string{"X-User-Id": "bob"}}, "shop", "sticky", "25% of 100%"},
		{4, admin.ExplainRequest{URL: "/shop"}, "shop", "weight", "95% of 100%"},
	} {
		e, err := Preview(cfg, c.step, c.q)
		if err != nil || e.Route != c.route || e.Reason != c.reason || !strings.Contains(e.Detail, c.detail) {
			t.Errorf("Preview(step %d, %+v) = %+v, %v; want route %q, reason %q, %q", c.step, c.q, e, err, c.route, c.reason, c.detail)
		}
	}
	var invalid *rollout.Invalid
	if _, err := Preview(cfg, 5, ann); !errors.As(err, &invalid) {
		t.Errorf("Preview(step 5, %+v) = %v, want a reason why it can't be asked", ann, err)
	}
	var problem *admin.Problem
	if _, err := Preview(cfg, 0, admin.ExplainRequest{Route: "nosuch"}); !errors.As(err, &problem) || problem.Status != http.StatusNotFound {
		t.Errorf("Preview of a route that is not there = %v, want a problem with 404", err)
	}
}
