package e2e

import (
	"net/http"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

func TestTheProxyRunsWithFlagsAlone(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.RunWithoutFile(t, "--stable", stable.URL, "--canary", canary.URL, "--weight", "20%")
	const n = 4000
	head := testkit.Head("GET", "/")
	answers := testkit.AskMany(t, p.Web, n, func(int) string { return head })
	checkShare(t, servedBy(answers), 20)
	if cookies := (&http.Response{Header: answers[0].Header}).Cookies(); len(cookies) > 0 {
		t.Errorf("without --sticky a user is given %v", cookies)
	}
}

func TestStickyWithoutAFileIsByCookie(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.RunWithoutFile(t, "--stable", stable.URL, "--canary", canary.URL, "--weight", "50%", "--sticky")
	for range 20 {
		first := testkit.Ask(t, p.Web, "GET", "/")
		cookies := (&http.Response{Header: first.Header}).Cookies()
		if len(cookies) != 1 {
			t.Fatalf("the first answer sets %v, want one cookie", cookies)
		}
		for range 5 {
			a := testkit.Ask(t, p.Web, "GET", "/", "Cookie: "+cookies[0].Name+"="+cookies[0].Value)
			if a.ServedBy() != first.ServedBy() {
				t.Fatalf("a user of %s was served by %s", first.ServedBy(), a.ServedBy())
			}
		}
	}
}

func TestARolloutWithoutAFileStartsByItself(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.RunWithoutFile(t, "--stable", stable.URL, "--canary", canary.URL, "--rollout", "fast")
	routes := p.Routes(t)
	if len(routes) != 1 {
		t.Fatalf("the proxy has routes %+v, want one", routes)
	}
	begun := func(s rollout.Status) bool { return s.Phase == rollout.Progressing }
	s := p.AwaitRollout(t, routes[0].Name, testkit.Patience, "the first step", begun)
	if s.Weight != 500 || s.Steps != 4 || s.Canary.Version != "canary" || s.Stable.Version != "stable" {
		t.Errorf("the rollout is %s of %+v, want 5%% and the preset's four steps", testkit.Brief(s), s.Canary)
	}
}
