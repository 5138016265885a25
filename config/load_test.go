package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// plainPrefix compares networks as they are, and leaves out the text that a configuration was read from.
var plainPrefix = cmp.Options{
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Source" }, cmp.Ignore()),
}

// mustParse returns the configuration of a file without errors.
func mustParse(t *testing.T, src string) *Config {
	t.Helper()
	c, findings := Parse("test.yml", []byte(src), home)
	if err := findings.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatIsLeftOutHasTheDefaultOfTheReference(t *testing.T) {
	t.Parallel()
	got := mustParse(t, `
routes:
  - name: a
    backends:
      stable: {endpoints: [http://10.0.0.11:8080], version: 1.10}
      canary: {endpoints: [http://10.0.1.11:8080], version: "1.1"}
    rollout: {}
`)
	backend := func(name, url, version string) Backend {
		return Backend{
			Name: name, Endpoints: []string{url}, Version: version, LoadBalancing: "leastRequest",
			Timeouts:    Timeouts{Connect: time.Second, FirstByte: 30 * time.Second, Idle: time.Minute},
			Connections: Connections{MaxIdlePerEndpoint: 256, IdleTimeout: 30 * time.Second},
		}
	}
	step := func(w Percent) Step { return Step{Weight: w, Hold: 10 * time.Minute, MinRequests: 100} }
	want := &Config{
		Version: 1,
		Listeners: []Listener{{
			Name: "web", Address: ":8080", Protocols: []string{"http1"},
			Limits: Limits{HeaderBytes: 65536, HeaderCount: 100, HeaderTimeout: 10 * time.Second, IdleTimeout: 75 * time.Second, BodyRate: 500},
		}},
		Admin:           Admin{Address: "127.0.0.1:9900", AllowedHosts: []string{"localhost", "127.0.0.1"}},
		State:           State{Dir: "/home/sluice/.local/state/sluice"},
		ShutdownTimeout: 30 * time.Second,
		Log:             Log{Level: "info", Access: AccessLog{Format: "off", Path: "stdout", Success: Full, Errors: Full}},
		Routes: []Route{{
			Name:     "a",
			Backends: []Backend{backend("stable", "http://10.0.0.11:8080", "1.10"), backend("canary", "http://10.0.1.11:8080", "1.1")},
			Sticky: Sticky{Cookie: Cookie{
				Name: "sluice-id", TTL: 30 * 24 * time.Hour, Path: "/", Secure: "auto", HTTPOnly: true, SameSite: "Lax",
			}},
			Fallback: "stable",
			Timeout:  30 * time.Second,
			Rollout: &Rollout{
				Stable: "stable", Canary: "canary", Preset: "fast", Strategy: "canary", Steps: []Step{step(500), step(2500), step(5000)},
				Bake: 10 * time.Minute, BakeStable: 500, Decision: "auto", OnInsufficient: "wait", MaxWait: 30 * time.Minute, BlastRadius: 10, Confidence: 9990, AutoStart: true, Salt: "attempt",
				Analysis: Analysis{
					Interval: 100 * time.Millisecond,
					Checks: []Check{
						{Name: "error-rate", Metric: "error-rate", Compare: true},
						{Name: "latency", Metric: "latency", Quantile: "p95", Compare: true},
					},
					AbortOn: &AbortOn{ErrorRate: 5000, MinRequests: 20, Window: 2 * time.Second}, ConsecutiveFailureLimit: 3,
				},
				Rollback: Rollback{Auto: true, Drain: "finish", DrainTimeout: 30 * time.Second},
			},
		}},
	}
	if diff := cmp.Diff(want, got, plainPrefix); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

func TestPresetsBringTheirPlans(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"fast":                    "5 % 10m → 25 % 10m → 50 % 10m → bake 10m; at least 40m and 300 requests",
		"slow":                    "5 % 1h → 25 % 1h → 50 % 1h → bake 1h; at least 4h and 300 requests",
		"soak":                    "5 % 30m → 25 % 30m → 50 % 30m → bake 30m; at least 2h and 300 requests",
		"AllAtOnce":               "bake 10m; at least 10m",
		"Canary10Percent5Minutes": "10 % 5m → bake 10m; at least 15m and 100 requests",
		"Linear10PercentEvery1Minutes": "10 % 1m → 20 % 1m → 30 % 1m → 40 % 1m → 50 % 1m → 60 % 1m → 70 % 1m → " +
			"80 % 1m → 90 % 1m → bake 10m; at least 19m and 900 requests",
	} {
		c, findings := Quick(QuickOptions{Stable: "http://127.0.0.1:1", Canary: "http://127.0.0.1:2", Rollout: name, Env: home})
		if err := findings.Err(); err != nil {
			t.Errorf("Quick with --rollout %s: %v", name, err)
			continue
		}
		if got := c.Plan()[0]; got != "default: "+want {
			t.Errorf("plan of %s = %q, want %q", name, got, "default: "+want)
		}
	}
}

func TestStaticWeightsFallToStableOrToTheOnlyBackend(t *testing.T) {
	t.Parallel()
	c := mustParse(t, `
routes:
  - {name: one, backends: {blue: {endpoints: [http://10.0.0.1]}}, match: [{host: a.example}]}
  - {name: two, backends: {green: {endpoints: [http://10.0.0.1]}, stable: {endpoints: [http://10.0.0.2]}}}
`)
	if diff := cmp.Diff(map[string]Percent{"blue": Full}, c.Routes[0].Weights); diff != "" || c.Routes[0].Fallback != "" {
		t.Errorf("route one: weights (-want +got):\n%s fallback %q, want none", diff, c.Routes[0].Fallback)
	}
	if diff := cmp.Diff(map[string]Percent{"stable": Full}, c.Routes[1].Weights); diff != "" || c.Routes[1].Fallback != "stable" {
		t.Errorf("route two: weights (-want +got):\n%s fallback %q, want stable", diff, c.Routes[1].Fallback)
	}
}

func TestTheStateFolderComesFromTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"STATE_DIRECTORY": "/var/lib/sluice:/var/lib/other", "HOME": "/root"}, "/var/lib/sluice"},
		{map[string]string{"XDG_STATE_HOME": "/xdg", "HOME": "/root"}, "/xdg/sluice"},
		{map[string]string{"XDG_STATE_HOME": "relative", "HOME": "/root"}, "/root/.local/state/sluice"},
		{map[string]string{}, ""},
	} {
		got, findings := Parse("test.yml", []byte("version: 1"), func(name string) (string, bool) { v, ok := c.env[name]; return v, ok })
		if c.want == "" {
			if findings.Err() == nil {
				t.Errorf("Parse without HOME: no error, want one about state.dir")
			}
			continue
		}
		if findings.Err() != nil || got.State.Dir != c.want {
			t.Errorf("Parse with %v: state.dir %v, %v; want %q", c.env, got, findings.Err(), c.want)
		}
	}
}

func TestLoadJoinsPathsToTheFilesFolderAndReadsTheUserLists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "users.txt", "\ufeff# staff\r\nuser-1\r\n\r\n  user-2   # the second\nuser#3\n")
	file := write(t, dir, "sluice.yaml", `
admin: {tokenFile: admin.token}
identity: {trust: [10.0.0.0/8], key: [{header: X-User-Id}]}
routes:
  - name: a
    backends: {stable: {endpoints: [http://10.0.0.1]}}
    select: [{beta: {users: [user-0], usersFile: users.txt}, to: stable}]
`)
	c, findings := Load(file)
	if len(findings) > 0 {
		t.Fatalf("Load: %v", findings)
	}
	if want := filepath.Join(dir, "admin.token"); c.Admin.TokenFile != want {
		t.Errorf("tokenFile = %q, want %q", c.Admin.TokenFile, want)
	}
	want := &Beta{Users: []string{"user-0", "user-1", "user-2", "user#3"}, UsersFile: filepath.Join(dir, "users.txt")}
	if diff := cmp.Diff(want, c.Routes[0].Select[0].Beta); diff != "" {
		t.Errorf("beta (-want +got):\n%s", diff)
	}
}

func TestAFileThatCannotBeReadIsNamedWithWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rule := "identity: {trust: [10.0.0.0/8], key: [{header: X-User-Id}]}\nroutes:\n  - name: a\n" +
		"    backends: {stable: {endpoints: [http://10.0.0.1]}}\n    select: [{beta: {usersFile: FILE}, to: stable}]\n"
	write(t, dir, "latin1.txt", "user-1\nm\xfcller\n")
	for path, want := range map[string]string{
		dir:                              "is a folder; name the file in it",
		filepath.Join(dir, "absent.yml"): "there is no such file",
		write(t, dir, "a.yml", strings.Replace(rule, "FILE", "absent.txt", 1)): "a.yml:5:33: error: routes[0].select[0].beta.usersFile",
		write(t, dir, "b.yml", strings.Replace(rule, "FILE", "latin1.txt", 1)): "is no text in UTF-8 at its line 2",
	} {
		c, findings := Load(path)
		if c != nil || findings.Err() == nil || !strings.Contains(findings.Err().Error(), want) {
			t.Errorf("Load(%q) = %v, %v; want no Config and an error with %q", path, c, findings.Err(), want)
		}
	}
}

func TestWarningsRefuseNothing(t *testing.T) {
	t.Parallel()
	_, findings := Parse("test.yml", []byte("identity: {key: [{header: X-User-Id}]}"), home)
	if findings.Err() != nil || len(findings.Warnings()) != 1 {
		t.Errorf("findings = %v, want one warning and no error", findings)
	}
}

func TestAliasesThatMultiplyTheFileAreRefusedInTime(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("identity:\n  trust: &a [10.0.0.0/8" + strings.Repeat(", 10.0.0.0/8", 999) + "]\nlisteners:\n")
	for i := range 1000 {
		b.WriteString("  - {name: l" + strings.Repeat("x", i%50) + ", trustedProxies: *a}\n")
	}
	_, findings := Parse("test.yml", []byte(b.String()), home)
	if findings.Err() == nil || !strings.Contains(findings.Err().Error(), "aliases multiply the file") {
		t.Errorf("Parse of a million values out of aliases: %.200v", findings.Err())
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
