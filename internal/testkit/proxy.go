package testkit

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Proxy is a running `sluice run` with a configuration file, ports and a state folder of its own.
type Proxy struct {
	*Process
	// Web is the address of the listener, Admin that of the admin API, both HOST:PORT.
	Web, Admin string
	// File is the configuration file, StateDir the folder of its state.
	File, StateDir string

	user uint32 // that Run runs as; 0 is this one
}

// Start runs the proxy and waits until it is ready. body is the configuration without version, listeners, admin and state, which are
// written before it.
func Start(t testing.TB, body string) *Proxy {
	t.Helper()
	p := Prepare(t, body)
	p.Run(t)
	p.AwaitReady(t)
	return p
}

// Prepare writes the configuration of a proxy and starts nothing.
func Prepare(t testing.TB, body string) *Proxy {
	t.Helper()
	folder := t.TempDir()
	p := &Proxy{
		Web: FreeAddress(t), Admin: FreeAddress(t),
		File: filepath.Join(folder, "sluice.yaml"), StateDir: filepath.Join(folder, "state"),
	}
	p.Write(t, body)
	return p
}

// PreambleLines is how many lines the file has before the body, for tests that look at positions.
const PreambleLines = 5

// Write writes the configuration file anew, whole or not at all.
func (p *Proxy) Write(t testing.TB, body string) {
	t.Helper()
	p.WriteWhole(t, fmt.Sprintf("version: 1\nlisteners:\n  - {name: web, address: %q}\nadmin: {address: %q}\nstate: {dir: %q}\n%s",
		p.Web, p.Admin, p.StateDir, body))
}

// WriteWhole is Write of a file without the preamble.
func (p *Proxy) WriteWhole(t testing.TB, text string) {
	t.Helper()
	next := p.File + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, p.File); err != nil {
		t.Fatal(err)
	}
}

// Run starts the process, also again after its end, and does not wait for it.
func (p *Proxy) Run(t testing.TB, args ...string) {
	t.Helper()
	p.Process = launchAs(t, p.user, func(*exec.Cmd) {}, append([]string{"run", "-c", p.File}, args...)...)
}

// As makes Run run the proxy as another user, who gets the file and may reach it. Only root can do that.
func (p *Proxy) As(t testing.TB, user uint32) {
	t.Helper()
	p.user = user
	home := filepath.Dir(p.File)
	if err := os.Chmod(filepath.Dir(Binary(t)), 0o755); err != nil {
		t.Fatal(err)
	}
	for d := home; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{home, p.File} {
		if err := os.Chown(path, int(user), int(user)); err != nil {
			t.Fatal(err)
		}
	}
}

// RunUnder is Run by a service manager: with its environment, NAME=VALUE, and with sockets that it has opened.
func (p *Proxy) RunUnder(t testing.TB, environment []string, sockets ...*os.File) {
	t.Helper()
	p.Process = launchWith(t, func(cmd *exec.Cmd) {
		// The sockets are for the process with this number, which only the process itself knows.
		cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
		cmd.Env = append(cmd.Env, fmt.Sprintf("LISTEN_FDS=%d", len(sockets)))
		cmd.Env = append(cmd.Env, environment...)
		cmd.ExtraFiles = sockets
	}, "run", "-c", p.File)
}

// Successor is another process for the same file, addresses and state, started beside this one.
func (p *Proxy) Successor(t testing.TB, args ...string) *Proxy {
	t.Helper()
	next := *p
	next.Run(t, args...)
	return &next
}

// RunWithoutFile runs the proxy with flags alone, on ports of its own, and waits until it is ready. --listen and --admin are added.
func RunWithoutFile(t testing.TB, args ...string) *Proxy {
	t.Helper()
	p := &Proxy{Web: FreeAddress(t), Admin: FreeAddress(t)}
	p.Process = launch(t, append([]string{"run", "--listen", p.Web, "--admin", p.Admin}, args...)...)
	p.AwaitReady(t)
	return p
}

// AwaitReady waits until /readyz says 200.
func (p *Proxy) AwaitReady(t testing.TB) {
	t.Helper()
	Until(t, Patience, "the proxy to be ready", func() (bool, any) {
		if p.Ended() {
			t.Fatalf("the proxy ended before it was ready: %s", p.Stderr())
		}
		code, body, err := p.get("/readyz")
		return code == http.StatusOK, fmt.Sprint(code, " ", body, err)
	})
}

// CLI runs a command of the binary against this proxy.
func (p *Proxy) CLI(t testing.TB, args ...string) Result {
	t.Helper()
	return Run(t, append(args, "--admin", p.Admin)...)
}
