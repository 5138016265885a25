package testkit

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for what has to come soon: much longer than it takes, so that a busy machine fails nothing.
const Patience = 20 * time.Second

// Result is what a command that has ended left behind. Code is -1 when a signal ended it.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Run runs the proxy's binary to its end and returns what it left. A command that has not ended after Patience fails the test.
func Run(t testing.TB, args ...string) Result {
	t.Helper()
	return RunFor(t, Patience, args...)
}

// RunFor is Run with a patience of its own.
func RunFor(t testing.TB, most time.Duration, args ...string) Result {
	t.Helper()
	return launch(t, args...).waitFor(t, most)
}

// Child starts another program than ours until the end of the test, such as a server that nobody here wrote. The end is a SIGTERM, so
// that it can stop children of its own, and after Patience a SIGKILL.
func Child(t testing.TB, name string, args ...string) *Process {
	t.Helper()
	p := &Process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.start(t, args)
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(Patience):
			t.Errorf("%s did not end within %v of SIGTERM", name, Patience)
		}
	})
	return p
}

// Process is a child of the test.
type Process struct {
	cmd            *exec.Cmd
	user           uint32 // that it runs as; 0 is this one
	stdout, stderr output
	done           chan struct{} // closed when it has ended
}

// launch starts the binary with the arguments. The end of the test kills it, if it still runs, and shows its stderr if the test failed.
func launch(t testing.TB, args ...string) *Process {
	t.Helper()
	return launchWith(t, func(*exec.Cmd) {}, args...)
}

// launchWith is launch of a process that change has changed.
func launchWith(t testing.TB, change func(*exec.Cmd), args ...string) *Process {
	t.Helper()
	return launchAs(t, 0, change, args...)
}

func launchAs(t testing.TB, user uint32, change func(*exec.Cmd), args ...string) *Process {
	t.Helper()
	p := &Process{cmd: exec.Command(Binary(t), args...), user: user, done: make(chan struct{})}
	p.cmd.Dir = t.TempDir()
	p.cmd.Env = append(cleanEnvironment(), "HOME="+p.cmd.Dir, "XDG_STATE_HOME="+filepath.Join(p.cmd.Dir, "state"), "TMPDIR="+scratch(t), "GORACE=exitcode=66")
	change(p.cmd)
	p.start(t, args)
	return p
}

// scratch is a folder for what a process that is killed can't remove. Its path is short: it has to hold unix sockets.
func scratch(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "sluice-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

func (p *Process) start(t testing.TB, args []string) {
	t.Helper()
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.SysProcAttr = p.attributes()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %v: %v", args, err)
	}
	go func() {
		_ = p.cmd.Wait() // its code is in ProcessState
		close(p.done)
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			name, code := filepath.Base(p.cmd.Path), p.cmd.ProcessState.ExitCode()
			t.Logf("%s %s, exit %d, wrote to stderr:\n%s", name, strings.Join(args, " "), code, p.stderr.tail())
		}
		if strings.Contains(p.stderr.String(), "DATA RACE") {
			t.Errorf("the race detector speaks:\n%s", p.stderr.String())
		}
	})
}

// attributes let a child end with the test, and give root's powers up where another user is to run it.
func (p *Process) attributes() *syscall.SysProcAttr {
	a := dieWithParent()
	if p.user != 0 {
		a.Credential = &syscall.Credential{Uid: p.user, Gid: p.user}
	}
	return a
}

// cleanEnvironment is ours without what would change the proxy's settings.
func cleanEnvironment() []string {
	var out []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "SLUICE_") && !strings.HasPrefix(e, "STATE_DIRECTORY=") && !strings.HasPrefix(e, "XDG_STATE_HOME=") &&
			!strings.HasPrefix(e, "HOME=") {
			out = append(out, e)
		}
	}
	return out
}

// ID is the process's id.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Signal sends a signal to this process alone.
func (p *Process) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("send %v to process %d: %v", s, p.ID(), err)
	}
}

// Kill ends the process at once, as kill -9 does, and waits for its end.
func (p *Process) Kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		panic("bug: a child that can't be killed: " + err.Error())
	}
	<-p.done
}

// Wait waits for the process to end by itself.
func (p *Process) Wait(t testing.TB) Result {
	t.Helper()
	return p.waitFor(t, Patience)
}

func (p *Process) waitFor(t testing.TB, most time.Duration) Result {
	t.Helper()
	select {
	case <-p.done:
		return Result{p.cmd.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String()}
	case <-time.After(most):
		t.Fatalf("%v did not end within %v", p.cmd.Args, most)
		return Result{}
	}
}

// Ended says whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Stderr is what the process has written to stderr so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// output is a buffer that is read while the child writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// tail is the end of it, where the reason stands.
func (o *output) tail() string {
	const most = 8 << 10
	s := o.String()
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}
