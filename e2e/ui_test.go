package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// watched is a proxy with a rollout under a load, and its page in a browser. more are further keys of the route.
func watched(t *testing.T, canary http.HandlerFunc, more string) (*testkit.Proxy, *testkit.Browser) {
	t.Helper()
	b := testkit.NewBrowser(t) // first: it skips the test where there is none
	stable, trial := testkit.NewOrigin(t, "stable", nil), testkit.NewOrigin(t, "canary", canary)
	p := testkit.Start(t, shop(stable.URL, trial.URL, more))
	testkit.StartLoad(t, p.Web, rate(200))
	b.Open("http://" + p.Admin + "/")
	b.Await("h1", "shop")
	return p, b
}

// steps is a rollout of three steps and the bake that holds each for so long.
func steps(hold string) string {
	return `    sticky: {by: cookie}
    rollout:
      steps: [20%, 50%, 100%]
      hold: ` + hold + `
      minRequests: 20
      blastRadius: 10%
      bake: ` + hold + `
      analysis: {checks: [{metric: error-rate, max: 20%}, {metric: latency, quantile: p95, max: 20s}]}
`
}

// clean fails the test when the page complained, or asked another host.
func clean(t *testing.T, p *testkit.Proxy, b *testkit.Browser) {
	t.Helper()
	for _, problem := range b.Problems() {
		t.Errorf("the page complains: %s", problem)
	}
	for _, url := range b.Asked() {
		if !strings.HasPrefix(url, "http://"+p.Admin+"/") && url != "about:blank" {
			t.Errorf("the page asked %s", url)
		}
	}
}

func TestThePageShowsTheSplitChangeAndPausesByClick(t *testing.T) {
	t.Parallel()
	p, b := watched(t, nil, steps("6s"))
	b.Await(".headline", "20 % on canary 2", "step 1 of 3")
	b.Await(".split", "80 %", "20 %", "got")
	b.Await(".rail", "left")
	b.Await(".hero", "Abort")
	b.Await(".headline", "50 % on canary 2", "step 2 of 3") // by itself
	b.Click("[data-verb=pause]")
	b.Await("dialog", "Pause shop?", p.Rollout(t, "shop").Attempt, "2 of 3")
	b.Shot("dialog")
	b.Eval("document.querySelector('#comment').focus()")
	b.Type("looking at it")
	b.Click("#yes")
	b.Await(".badge", "Paused: User")
	b.Await("#spoken", "Paused by ui") // what a screen reader says
	b.Await(".journal", "looking at it", "ui", "start")
	b.Await("[data-verb=resume]", "Resume")
	if s := p.Rollout(t, "shop"); s.Phase != rollout.Paused || s.Reason != "User" {
		t.Errorf("after the click: %s, want Paused(User)", testkit.Brief(s))
	}
	b.Await(".charts", "Error rate", "p99", "Weight")
	if n := b.Eval("document.querySelectorAll('.charts canvas').length"); n != 3.0 {
		t.Errorf("%v charts, want 3", n)
	}
	b.Shot("paused")
	b.Theme("dark")
	b.Shot("paused-dark")
	clean(t, p, b)
}

func TestThePageAbortsByKeyboard(t *testing.T) {
	t.Parallel()
	p, b := watched(t, nil, steps("1h"))
	b.Await(".headline", "step 1 of 3")
	for range 40 { // as many keys as it takes: the skip link, the header, the commands
		if b.Eval("document.activeElement?.dataset?.verb") == "abort" {
			break
		}
		b.Key("Tab")
	}
	b.Key("Enter")
	b.Await("dialog", "Abort shop?", "goes back to stable 1")
	b.Key("Escape")
	b.Within(testkit.Patience, "!document.querySelector('dialog') && document.activeElement.dataset.verb === 'abort'")
	b.Key("Enter")
	b.Await("dialog", "Abort shop?")
	b.Key("Enter")
	b.Await(".badge", "Aborted")
	b.Await("[data-verb=retry]", "Retry")
	p.AwaitRollout(t, "shop", testkit.Patience, "the abort", func(s rollout.Status) bool { return s.Phase == rollout.Aborted })
	clean(t, p, b)
}

func TestThePageShowsARollback(t *testing.T) {
	t.Parallel()
	p, b := watched(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, steps("1h"))
	b.Await(".badge", "Failed")
	b.Await(".headline", "Rolled back: everyone is on stable 1")
	b.Await(".journal", "rollback", "analysis")
	b.Await(".split", "100 %")
	b.Within(testkit.Patience, "document.querySelectorAll('.charts canvas').length === 3")
	b.Shot("rolled-back")
	clean(t, p, b)
}

func TestAStaleApprovalIsRefusedVisibly(t *testing.T) {
	t.Parallel()
	p, b := watched(t, nil, steps("1h"))
	b.Await(".headline", "step 1 of 3")
	b.Click("[data-verb=promote]")
	b.Await("dialog", "Promote shop?", "1 of 3")
	call(t, p, 0, "promote", "shop")
	b.Await("dialog .note", "gone on", "step 2 of 3")
	b.Click("#yes")
	b.Await("dialog .note", "Refused", "stale", "step 2 of 3")
	if s := p.Rollout(t, "shop"); s.Step != 2 {
		t.Errorf("the stale promote moved it: %s", testkit.Brief(s))
	}
	b.Shot("refused")
	b.Click("#no")
	b.Await(".headline", "step 2 of 3")
	clean(t, p, b)
}

func TestThePageOutlivesARestartOfTheProxy(t *testing.T) {
	t.Parallel()
	p, b := watched(t, nil, steps("1h"))
	b.Await(".headline", "step 1 of 3")
	b.Await("#link", "live")
	p.Kill()
	b.Await("#stale", "Stale since", "Trying again")
	b.Await(".headline", "step 1 of 3") // what it knew stays
	b.Shot("stale")
	p.Run(t)
	p.AwaitReady(t)
	b.Await("#link", "live")
	b.Within(testkit.Patience, "document.querySelector('#stale').hidden")
	call(t, p, 0, "pause", "shop", "--comment", "after the restart")
	b.Await(".journal", "after the restart")
	clean(t, p, b)
}

func TestNothingScrollsSidewaysOnAPhone(t *testing.T) {
	t.Parallel()
	p, b := watched(t, nil, steps("1h"))
	b.Size(375, 740)
	b.Await(".headline", "step 1 of 3")
	b.Await(".journal", "start")
	b.Within(testkit.Patience, "document.querySelectorAll('.charts canvas').length === 3")
	for _, page := range []string{"#/", "#/endpoints", "#/explain", "#/config"} {
		b.Eval("location.hash = '" + page + "'")
		b.Within(testkit.Patience, "document.querySelector('h1') !== null")
		if w := b.Eval("document.documentElement.scrollWidth"); w != 375.0 {
			t.Errorf("%s is %v wide on a screen of 375", page, w)
		}
		b.Shot("phone" + strings.Trim(strings.ReplaceAll(page, "/", "-"), "#"))
	}
	b.Eval("location.hash = '#/'")
	b.Await("[data-verb=abort]", "Abort")
	if visible := b.Eval("(r => r.top >= 0 && r.bottom <= innerHeight)(document.querySelector('[data-verb=abort]').getBoundingClientRect())"); visible != true {
		t.Error("abort is not in sight without scrolling")
	}
	clean(t, p, b)
}

func TestThePageExplainsAndShowsTheFile(t *testing.T) {
	t.Parallel()
	p, b := watched(t, nil, steps("1h"))
	b.Eval("location.hash = '#/explain'")
	b.Await("h1", "Explain")
	b.Eval("document.querySelector('#url').focus()")
	b.Type("http://shop.example.com/x")
	b.Eval("document.querySelector('#headers').focus()")
	b.Type("no header")
	b.Click("form button")
	b.Await(".note", "is no header")
	b.Eval("document.querySelector('#headers').value = 'Cookie: sluice-id=abc'")
	b.Click("form button")
	b.Await("[aria-label=Answer]", "shop →", "Reason")
	b.Eval("location.hash = '#/endpoints'")
	b.Await("table", "stable", "canary", "healthy", "http://127.0.0.1:")
	b.Eval("location.hash = '#/config'")
	b.Await("main", "no reload since", "20%")
	text, err := os.ReadFile(p.File)
	if err != nil {
		t.Fatal(err)
	}
	p.WriteWhole(t, strings.Replace(string(text), "minRequests: 20", "minRequests: 30", 1))
	call(t, p, 0, "reload")
	b.Eval("location.hash = '#/'")
	b.Await("h1", "shop")
	b.Eval("location.hash = '#/config'")
	b.Await(".diff", "- ", "minRequests: 20", "+ ", "minRequests: 30")
	b.Shot("config")
	clean(t, p, b)
}

func TestThePageAsksForAToken(t *testing.T) {
	t.Parallel()
	b := testkit.NewBrowser(t)
	stable, canary := pair(t)
	p := testkit.Prepare(t, "")
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("open sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Write(t, shop(stable.URL, canary.URL, steps("1h")))
	text, err := os.ReadFile(p.File)
	if err != nil {
		t.Fatal(err)
	}
	p.WriteWhole(t, strings.Replace(string(text), "admin: {", "admin: {tokenFile: "+secret+", ", 1))
	p.Run(t)
	p.AwaitReady(t)
	b.Open("http://" + p.Admin + "/ui/")
	b.Await("form", "needs a token")
	b.Type("wrong")
	b.Key("Enter")
	b.Await("form", "not one of this proxy")
	b.Type("open sesame")
	b.Key("Enter")
	b.Await("h1", "shop")
	b.Await("#link", "live") // the stream of events has the token too
	clean(t, p, b)
}

func TestAGateIsApprovedOnThePage(t *testing.T) {
	t.Parallel()
	p, b := watched(t, nil, `    rollout:
      steps: [20%, {gate: qa}, 50%]
      hold: 1s
      minRequests: 20
      blastRadius: 10%
      bake: 1h
      analysis: {checks: [{metric: error-rate, max: 20%}]}
`)
	b.Await(".why", "Waits for a person to approve qa")
	b.Await(".rail", "after qa")
	b.Shot("gate")
	b.Click("[data-verb=approve]")
	b.Await("dialog", "Gate", "qa")
	b.Click("#yes")
	b.Await(".headline", "50 %", "step 2 of 3")
	if d := p.Decisions(t, "shop")[0]; d.Action != "approve" || d.Actor != "ui" {
		t.Errorf("the journal has %s by %s, want an approval by ui", d.Action, d.Actor)
	}
	clean(t, p, b)
}

func TestManyRoutesAreListedAndAnAddressLeadsToOne(t *testing.T) {
	t.Parallel()
	b := testkit.NewBrowser(t)
	stable, canary := pair(t)
	file := shop(stable.URL, canary.URL, "    match: [{path: {exact: /shop}}]\n"+steps("1h"))
	for i := range 30 {
		file += fmt.Sprintf("  - name: route-%d\n    match: [{path: {exact: /r%d}}]\n", i, i) + backends(stable.URL, canary.URL) + "    weights: {stable: 75, canary: 25}\n"
	}
	p := testkit.Start(t, file)
	b.Open("http://" + p.Admin + "/ui/#/routes/route-7")
	b.Await("h1", "route-7")
	b.Await(".headline", "no rollout")
	b.Await(".split", "75 %", "25 %", "no requests lately")
	b.Await(".journal", "No decision yet")
	b.Click(".picker li:first-child a")
	b.Await("h1", "shop")
	call(t, p, 0, "pause", "shop") // seen at once, although not all routes are asked for every second
	b.Await(".badge", "Paused")
	b.Shot("many")
	b.Eval("location.hash = '#/routes/nosuch'")
	b.Await(".banner:not([hidden])", "There is no route nosuch")
	b.Size(375, 740)
	b.Within(testkit.Patience, "document.documentElement.scrollWidth === 375")
	clean(t, p, b)
}

func TestNoNameBecomesMarkup(t *testing.T) {
	t.Parallel()
	const hostile = `<img src=x onerror=document.title=1>`
	p, b := watched(t, nil, steps("1h"))
	b.Await(".headline", "step 1 of 3")
	call(t, p, 0, "pause", "shop", "--comment", hostile)
	b.Await(".journal", hostile)
	if n := b.Eval("document.querySelectorAll('main img').length"); n != 0.0 {
		t.Errorf("a comment became %v elements", n)
	}
	if hidden, _ := b.Eval("document.title").(string); !strings.Contains(hidden, "shop") {
		t.Errorf("a comment ran: the title is %q", hidden)
	}
	clean(t, p, b)
	// And a style or a script that got in all the same would be refused.
	b.Eval(`(() => { const s = document.createElement('style'); s.textContent = 'h1{display:none}'; document.head.append(s); })()`)
	if b.Text("h1") != "shop" {
		t.Error("the policy let a style work that is not in a file")
	}
	b.Eval(`(() => { const s = document.createElement('script'); try { s.text = 'document.title = "ran"'; document.head.append(s); } catch { /* a trusted type is wanted */ } })()`)
	if title := b.Eval("document.title"); title == "ran" {
		t.Error("the policy let a script run that is not in a file")
	}
}

func TestALateAnswerDoesNotBringBackAPageThatWasLeft(t *testing.T) {
	t.Parallel()
	p, b := watched(t, nil, steps("1h"))
	b.Await(".headline", "step 1 of 3")
	// The configuration's answer is held back until the page is another one.
	b.Eval(`(() => { const real = window.fetch; const held = new Promise((go) => { window.letGo = go; }); window.answered = 0;
		window.fetch = async (path, o) => {
			if (!String(path).includes('/config')) return real(path, o);
			await held;
			const answer = await real(path, o);
			window.answered++;
			return answer; }; })()`)
	b.Eval("location.hash = '#/config'")
	b.Await("h1", "Configuration")
	b.Eval("location.hash = '#/'")
	b.Await("h1", "shop")
	b.Eval(`(() => { window.seen = ''; new MutationObserver(() => { window.seen += document.querySelector('h1')?.textContent + ' '; })
		.observe(document.querySelector('#main'), {childList: true, subtree: true, characterData: true}); window.letGo(); })()`)
	b.Within(testkit.Patience, "window.answered === 2 && window.seen.split(' ').length > 3")
	if seen, _ := b.Eval("window.seen").(string); strings.Contains(seen, "Configuration") {
		t.Errorf("the page that was left came back: %s", seen)
	}
	clean(t, p, b)
}
