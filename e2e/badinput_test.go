package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// refused checks that a command ended with the code and one line on stderr that has all the words.
func refused(t *testing.T, r testkit.Result, code int, words ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(r.Stderr), "\n")
	if r.Code != code || len(lines) != 1 || strings.Contains(r.Stderr, "goroutine ") {
		t.Errorf("exit %d with %d lines on stderr, want exit %d with one line:\n%s", r.Code, len(lines), code, r.Stderr)
	}
	for _, w := range words {
		if !strings.Contains(r.Stderr, w) {
			t.Errorf("stderr has no %q: %s", w, r.Stderr)
		}
	}
}

func TestAConfigErrorIsNamedByLineAndColumn(t *testing.T) {
	t.Parallel()
	p := testkit.Prepare(t, "routes:\n  - name: shop\n    backend:\n      stable: {endpoints: [http://127.0.0.1:1]}\n")
	p.Run(t)
	r := p.Wait(t)
	where := fmt.Sprintf("sluice.yaml:%d:5: ", testkit.PreambleLines+3)
	if r.Code != 3 || !strings.Contains(r.Stderr, where) || !strings.Contains(r.Stderr, "backends") {
		t.Errorf("exit %d, want 3, the line, the column and the right name:\n%s", r.Code, r.Stderr)
	}
	if strings.Contains(r.Stderr, "goroutine ") {
		t.Errorf("a stack trace for a config error:\n%s", r.Stderr)
	}
}

func TestAMissingFileAndAWrongFlagAreOneLine(t *testing.T) {
	t.Parallel()
	refused(t, testkit.Run(t, "run", "-c", "/no/such/file.yaml"), 3, "/no/such/file.yaml")
	refused(t, testkit.Run(t, "run", "--lisen", ":80"), 2, "--lisen")
	refused(t, testkit.Run(t, "runn"), 2, "runn")
	refused(t, testkit.Run(t, "run", "--stable", "ftp://a"), 2, "ftp://a")
	refused(t, testkit.Run(t, "run", "--stable", "http://127.0.0.1:1", "--canary", "http://127.0.0.1:2", "--weight", "500%"), 2, "500%")
}

func TestAPortInUseIsNamed(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"web", "admin"} {
		p := testkit.Prepare(t, "routes:\n  - {name: shop, backends: {stable: {endpoints: [http://127.0.0.1:1]}}}\n")
		address := map[string]string{"web": p.Web, "admin": p.Admin}[which]
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		p.Run(t)
		refused(t, p.Wait(t), 1, address, "in use")
		_ = l.Close()
	}
}

func TestALockedStateFolderIsNamed(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	first := testkit.Start(t, shop(stable.URL, canary.URL, ""))
	second := testkit.Prepare(t, "")
	second.StateDir = first.StateDir
	second.Write(t, shop(stable.URL, canary.URL, ""))
	second.Run(t)
	refused(t, second.Wait(t), 1, first.StateDir)
	if a := testkit.Ask(t, first.Web, "GET", "/"); a.ServedBy() == "" {
		t.Errorf("the first proxy answers %d, want it to go on", a.Status)
	}
}

func TestAnUnwritableStateFolderKeepsTheCanaryAtZero(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Prepare(t, "")
	p.StateDir = "/proc/sluice" // nobody can make a folder there, not even root
	p.Write(t, shop(stable.URL, canary.URL, quickRollout))
	p.Run(t)
	p.AwaitReady(t)
	s := p.AwaitRollout(t, "shop", testkit.Patience, "Paused", func(s rollout.Status) bool { return s.Phase == rollout.Paused })
	if s.Reason != "StateReadOnly" || s.Weight != 0 {
		t.Errorf("the rollout is %s, want StateReadOnly and weight 0", testkit.Brief(s))
	}
	for _, a := range testkit.AskMany(t, p.Web, 200, func(int) string { return testkit.Head("GET", "/") }) {
		if a.ServedBy() != "stable" {
			t.Fatalf("a request was served by %q, want stable", a.ServedBy())
		}
	}
	if !strings.Contains(p.Stderr(), "/proc/sluice") {
		t.Errorf("stderr does not name the folder:\n%s", p.Stderr())
	}
}

func TestABackendThatIsNotThereYetIsNoReasonNotToRun(t *testing.T) {
	t.Parallel()
	late := testkit.FreeAddress(t)
	p := testkit.Start(t, "routes:\n  - {name: shop, backends: {stable: {endpoints: [\"http://"+late+"\"]}}}\n")
	if a := testkit.Ask(t, p.Web, "GET", "/"); a.Status != 502 {
		t.Errorf("the answer without a backend is %d, want 502", a.Status)
	}
	testkit.NewOriginAt(t, "stable", late, nil)
	testkit.Until(t, testkit.Patience, "the backend that came late", func() (bool, any) {
		a := testkit.Ask(t, p.Web, "GET", "/")
		return a.ServedBy() == "stable", a.Status
	})
}
