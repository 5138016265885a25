package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/rollout"
)

// result is what a call left behind.
type result struct {
	code     int
	out, err string
}

// call runs a command in the process. environment is NAME=VALUE.
func call(t *testing.T, environment []string, args ...string) result {
	t.Helper()
	env := func(name string) string {
		for _, e := range environment {
			if value, ok := strings.CutPrefix(e, name+"="); ok {
				return value
			}
		}
		return ""
	}
	var out, err bytes.Buffer
	code := run(t.Context(), args, console{out: &out, err: &err, env: env})
	return result{code, out.String(), err.String()}
}

// serve runs the admin API of a fake process and returns an environment that leads there.
func serve(t *testing.T) (*admintest.Proxy, *admintest.Controller, []string) {
	t.Helper()
	proxy, controller := admintest.New()
	return proxy, controller, []string{"SLUICE_ADMIN=" + admintest.Serve(t, proxy, nil), "USER=ann"}
}

func TestAWrongCallIsOneLineAndExitTwo(t *testing.T) {
	t.Parallel()
	_, _, env := serve(t)
	for _, c := range []struct{ args, says string }{
		{"stats", `unknown command "stats" for "sluice" Did you mean this? status`},
		{"status --wathc", "unknown flag: --wathc"},
		{"status a b", "accepts at most 1 arg"},
		{"status -o yaml", `"yaml" is neither text nor json`},
		{"status --timeout 5s", "--timeout needs --wait"},
		{"status --wait --timeout 5", `--timeout="5": want a duration`},
		{"approve --step abc", `--step="abc": want a whole number (see`},
		{"status --admin nowhere", "neither HOST:PORT nor unix:PATH"},
		{"rollout", "rollout needs one of"},
		{"generate", "generate needs one of"},
		{"generate completion tcsh", "tcsh"},
		{"rollout explode", `not "explode"`},
		{"rollout set-weight", "needs the shares"},
		{"rollout set-weight search", "needs the shares"},
		{"rollout set-weight search canary", `"canary" is not BACKEND=PERCENT`},
		{"rollout set-weight search canary=0.5", "canary=0.5%"},
		{"rollout set-weight search canary=101", "PERCENT"},
		{"rollout set-weight search canary=-1", "PERCENT"},
		{"rollout set-weight search canary=NaN", "PERCENT"},
		{"rollout set-weight search canary=33.333", "at most two decimals"},
		{"rollout set-weight search canary=5 canary=6", "named twice"},
		{"rollout set-weight stable=75 canary=25", "which route? This proxy has checkout, search"},
		{"validate", "requires at least 1 arg"},
		{"explain", "accepts 1 arg"},
		{"explain / --header X", "'NAME: VALUE'"},
		{"explain / --cookie X", "NAME=VALUE"},
	} {
		r := call(t, env, strings.Fields(c.args)...)
		if r.code != exitUsage || !strings.HasPrefix(r.err, "sluice: ") || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, c.says) {
			t.Errorf("sluice %s = %d, stderr %q; want 2 and one line with %q", c.args, r.code, r.err, c.says)
		}
		if r.out != "" {
			t.Errorf("sluice %s wrote %q to stdout", c.args, r.out)
		}
	}
}

func TestAnswersOfTheProxyBecomeExitCodes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args  string
		set   func(*admintest.Proxy, *admintest.Controller)
		code  int
		stays string
	}{
		"refused": {"abort", func(_ *admintest.Proxy, c *admintest.Controller) {
			c.Err = &rollout.Refused{Reason: "no attempt is under way"}
		}, exitRefused, "no attempt is under way"},
		"not understood": {"approve checkout", func(_ *admintest.Proxy, c *admintest.Controller) {
			c.Err = &rollout.Invalid{Reason: "approve needs attempt, step and gate"}
		}, exitUsage, "needs attempt, step and gate"},
		"broken configuration": {"reload", func(p *admintest.Proxy, _ *admintest.Controller) {
			p.ReloadErr = &admin.InvalidConfig{Errors: []string{"a.yaml:3:1: error: unknown key"}}
		}, exitConfig, "a.yaml:3:1: error: unknown key"},
		"not ready":                {"healthcheck", func(p *admintest.Proxy, _ *admintest.Controller) { p.NotReady = true }, exitFailure, "draining"},
		"no such route":            {"status nosuch", func(*admintest.Proxy, *admintest.Controller) {}, exitFailure, "nosuch"},
		"explain of no such route": {"explain nosuch", func(*admintest.Proxy, *admintest.Controller) {}, exitFailure, "nosuch"},
		"no rollout":               {"abort search", func(*admintest.Proxy, *admintest.Controller) {}, exitFailure, "no rollout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, controller, env := serve(t)
			c.set(proxy, controller)
			r := call(t, env, strings.Fields(c.args)...)
			if r.code != c.code || !strings.Contains(r.err, c.stays) || r.out != "" {
				t.Errorf("sluice %s = %+v; want %d and %q on stderr", c.args, r, c.code, c.stays)
			}
		})
	}
}

func TestNoProxyIsExitFour(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	for _, command := range []string{"status", "abort checkout", "reload", "healthcheck", "explain /", "history", "status --wait checkout"} {
		r := call(t, nil, append(strings.Fields(command), "--admin", l.Addr().String())...)
		if r.code != exitUnreachable || !strings.Contains(r.err, l.Addr().String()) {
			t.Errorf("sluice %s without a proxy = %+v, want exit 4 with the address", command, r)
		}
	}
}

func TestAFlagGoesBeforeTheEnvironment(t *testing.T) {
	t.Parallel()
	_, controller, env := serve(t)
	if r := call(t, env, "status", "checkout"); r.code != 0 {
		t.Errorf("with SLUICE_ADMIN = %+v, want 0", r)
	}
	if r := call(t, env, "status", "--admin", "127.0.0.1:1"); r.code != exitUnreachable {
		t.Errorf("with --admin and SLUICE_ADMIN = %+v, want 4", r)
	}
	if r := call(t, append(env, "SLUICE_OUTPUT=yaml"), "status"); r.code != exitUsage || !strings.Contains(r.err, "SLUICE_OUTPUT") {
		t.Errorf("with a wrong SLUICE_OUTPUT = %+v, want 2 naming it", r)
	}
	if r := call(t, append(env, "SLUICE_FULL=true"), "promote"); r.code != 0 || controller.Commands()[0].Full {
		t.Errorf("promote with SLUICE_FULL = %+v, %+v; want a promotion by one step", r, controller.Commands())
	}
}

func TestTheTokenComesFromAFile(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	address := admintest.Serve(t, proxy, func(c *admin.Config) { c.Tokens = []admin.Token{{Role: admin.Operate, Secret: "s3cret"}} })
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := call(t, []string{"SLUICE_TOKEN_FILE=" + file}, "status", "--admin", address); r.code != 0 {
		t.Errorf("with the token = %+v, want 0", r)
	}
	if r := call(t, nil, "status", "--admin", address); r.code != exitFailure || !strings.Contains(r.err, "--token-file") {
		t.Errorf("without the token = %+v, want 1 naming --token-file", r)
	}
	if r := call(t, nil, "status", "--admin", address, "--token-file", file+"x"); r.code != exitFailure || !strings.Contains(r.err, file+"x") {
		t.Errorf("without the file = %+v, want 1 naming it", r)
	}
}

func TestHelpAndVersionAreFacts(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"", "--help", "help status", "status --help", "version", "version -o json", "--version"} {
		if r := call(t, nil, strings.Fields(command)...); r.code != 0 || r.out == "" || r.err != "" {
			t.Errorf("sluice %s = %+v, want 0 with something on stdout only", command, r)
		}
	}
}

func TestACanceledContextEndsAWatch(t *testing.T) {
	t.Parallel()
	_, _, env := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	out := &cancelling{cancel: cancel}
	address, _ := strings.CutPrefix(env[0], "SLUICE_ADMIN=")
	code := run(ctx, []string{"status", "--watch", "--admin", address}, console{out: out, err: out, env: func(string) string { return "" }})
	want := "checkout: Progressing, step 1 of 4, canary 1.42.0 at 5%\n" +
		"search: no rollout, stable 75%, canary 25%\nplain: no rollout, web 100%\n"
	if code != 0 || out.text.String() != want {
		t.Errorf("watch = %d, %q; want 0, %q", code, out.text.String(), want)
	}
}

// cancelling cancels at the first write.
type cancelling struct {
	text   strings.Builder
	cancel context.CancelFunc
}

func (c *cancelling) Write(b []byte) (int, error) {
	c.cancel()
	return c.text.Write(b)
}
