package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sluice/internal/testkit"
)

// secret writes a token's file.
func secret(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTokensHaveRolesAndNameTheActor(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	ci, board := secret(t, "0perate"), secret(t, "r3ad")
	p := testkit.Prepare(t, "")
	p.WriteWhole(t, fmt.Sprintf(`version: 1
listeners: [{name: web, address: %q}]
admin:
  address: %q
  tokens: [{name: ci, role: operate, file: %q}, {name: board, role: read, file: %q}]
state: {dir: %q}
%s`, p.Web, p.Admin, ci, board, p.StateDir, shop(stable.URL, canary.URL, slowRollout)))
	p.Run(t)
	p.AwaitReady(t)
	testkit.Until(t, testkit.Patience, "step 1", func() (bool, any) {
		r := p.CLI(t, "status", "shop", "--token-file", board)
		return strings.Contains(r.Stdout, "step 1"), r.Stdout
	})
	call(t, p, 1, "status", "shop")
	if r := call(t, p, 1, "abort", "shop", "--token-file", board); !strings.Contains(r.Stderr, "board") {
		t.Errorf("abort with a reader's token says %q, want whose it is", r.Stderr)
	}
	call(t, p, 0, "pause", "shop", "--token-file", ci)
	if r := call(t, p, 0, "why", "shop", "--token-file", board); !strings.Contains(r.Stdout, "pause by ci\n") {
		t.Errorf("why shows %q, want the token's name as actor", r.Stdout)
	}

	if err := os.WriteFile(ci, []byte("an0ther\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := secret(t, "0perate")
	p.Signal(t, syscall.SIGHUP)
	testkit.Until(t, testkit.Patience, "the old token to be refused", func() (bool, any) {
		r := p.CLI(t, "status", "shop", "--token-file", old)
		return r.Code == 1, r.Stderr
	})
	call(t, p, 0, "resume", "shop", "--token-file", ci)
}

func TestAnAddressThatOthersReachWithoutATokenIsRefusedInOneLine(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Prepare(t, shop(stable.URL, canary.URL, ""))
	for name, r := range map[string]testkit.Result{
		"flag": testkit.Run(t, "run", "-c", p.File, "--admin", "0.0.0.0:0"),
		"file": func() testkit.Result {
			text := strings.Replace("version: 1\nadmin: {address: \"ADDRESS\"}\n", "ADDRESS", "0.0.0.0:0", 1)
			return testkit.Run(t, "run", "-c", file(t, text+shop(stable.URL, canary.URL, "")))
		}(),
	} {
		lines := strings.Split(strings.TrimSpace(r.Stderr), "\n")
		if last := lines[len(lines)-1]; r.Code != 1 && r.Code != 3 || !strings.Contains(last, "admin.tokenFile or admin.tokens") {
			t.Errorf("%s: exit %d, %q; want a refusal that says what to set", name, r.Code, r.Stderr)
		}
	}
}

func TestTheConfigurationShownIsTheOneInForce(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	with := func(weight int) string {
		return shop(stable.URL, canary.URL, fmt.Sprintf("    weights: {stable: %d%%, canary: %d%%} # secret comment\n", 100-weight, weight))
	}
	p := testkit.Start(t, with(10))
	shows := func(want string) {
		t.Helper()
		code, asYAML := p.Get(t, "/api/v1/config?format=yaml")
		_, asJSON := p.Get(t, "/api/v1/config")
		if code != 200 || !strings.Contains(asYAML, "canary: "+want) || !strings.Contains(asJSON, `"canary":"`+want+`"`) {
			t.Errorf("the configuration is %d %s and %s, want a canary of %s", code, asYAML, asJSON, want)
		}
		if strings.Contains(asYAML+asJSON, "comment") {
			t.Error("the configuration has its comments")
		}
	}
	shows("10%")
	p.Write(t, with(20))
	shows("10%") // on disk is not in force
	call(t, p, 0, "reload")
	shows("20%")
	p.Write(t, with(30)+"    nosuch: 1\n")
	call(t, p, 3, "reload")
	shows("20%")
}
