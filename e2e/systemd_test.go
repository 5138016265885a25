package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/testkit"
)

func TestAServiceManagerIsToldWhatTheProcessDoes(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = manager.Close() })
	next := func() string {
		t.Helper()
		if err := manager.SetReadDeadline(time.Now().Add(testkit.Patience)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 512)
		n, err := manager.Read(b)
		if err != nil {
			t.Fatalf("the process says nothing: %v", err)
		}
		return string(b[:n])
	}
	p := testkit.Prepare(t, shop(stable.URL, canary.URL, ""))
	p.RunUnder(t, []string{"NOTIFY_SOCKET=" + path})
	if got := next(); got != "READY=1" {
		t.Errorf("at the start it says %q, want READY=1", got)
	}
	if a := testkit.Ask(t, p.Web, "GET", "/"); a.Status != 200 {
		t.Errorf("when it is ready it answers %d, want 200", a.Status)
	}
	p.Signal(t, syscall.SIGHUP)
	if got := next(); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") {
		t.Errorf("at a reload it says %q, want RELOADING=1 and when", got)
	}
	if got := next(); got != "READY=1" {
		t.Errorf("after a reload it says %q, want READY=1", got)
	}
	p.Signal(t, syscall.SIGTERM)
	if got := next(); got != "STOPPING=1" {
		t.Errorf("at the end it says %q, want STOPPING=1", got)
	}
	if r := p.Wait(t); r.Code != 0 {
		t.Errorf("exit %d, want 0: %s", r.Code, r.Stderr)
	}
}

// socket is a listening socket as a service manager hands it over, and its address.
func socket(t *testing.T) (*os.File, string) {
	t.Helper()
	l, err := net.Listen("tcp", testkit.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // f goes on listening
	t.Cleanup(func() { _ = f.Close() })
	return f, address
}

func TestSocketsOfAServiceManagerAreTakenByNameOrAddress(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	byName, webAddress := socket(t)
	byAddress, otherAddress := socket(t)
	operators, adminAddress := socket(t)
	stray, strayAddress := socket(t)
	p := testkit.Prepare(t, "")
	p.Admin = adminAddress
	p.WriteWhole(t, fmt.Sprintf(`version: 1
listeners:
  - {name: web, address: %q}
  - {name: other, address: %q}
admin: {address: "127.0.0.1:9900"}
state: {dir: %q}
%s`, testkit.FreeAddress(t), otherAddress, p.StateDir, shop(stable.URL, canary.URL, "")))

	c := testkit.Dial(t, webAddress) // before there is a process
	c.Send(t, testkit.Head("GET", "/"))
	p.RunUnder(t, []string{"LISTEN_FDNAMES=web:sluice.socket:admin:stray"}, byName, byAddress, operators, stray)
	if a := c.Answer(t, "GET"); a.Status != 200 {
		t.Errorf("a client that came before the process gets %d, want 200", a.Status)
	}
	if a := testkit.Ask(t, otherAddress, "GET", "/"); a.Status != 200 {
		t.Errorf("the socket that is taken by address answers %d, want 200", a.Status)
	}
	p.AwaitReady(t) // at the socket named admin
	awaitLog(t, p.Process, strayAddress)
	if !strings.Contains(p.Stderr(), "stray") {
		t.Errorf("the log does not name the socket that nobody wanted: %s", p.Stderr())
	}
}
