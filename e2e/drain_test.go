package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"sluice/internal/testkit"
)

func TestTermFinishesTheRequestsInFlightAndAcceptsNoMore(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	stable, canary := pair(t)
	stable.Script(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(arrived)
			<-release
		}
		_, _ = io.WriteString(w, "done")
	})
	p := testkit.Prepare(t, "")
	second := testkit.FreeAddress(t)
	p.WriteWhole(t, fmt.Sprintf(`version: 1
listeners:
  - {name: web, address: %q}
  - {name: other, address: %q}
admin: {address: %q}
state: {dir: %q}
%s`, p.Web, second, p.Admin, p.StateDir, shop(stable.URL, canary.URL, "")))
	p.Run(t)
	p.AwaitReady(t)

	idle, busy := testkit.Dial(t, second), testkit.Dial(t, p.Web)
	idle.Send(t, testkit.Head("GET", "/"))
	if a := idle.Answer(t, "GET"); a.Body != "done" {
		t.Fatalf("the second listener answers %d %q, want done", a.Status, a.Body)
	}
	busy.Send(t, testkit.Head("GET", "/slow"))
	<-arrived
	p.Signal(t, syscall.SIGTERM)
	for _, address := range []string{p.Web, second} {
		testkit.Until(t, testkit.Patience, "a closed listener at "+address, func() (bool, any) {
			c, err := net.Dial("tcp", address)
			if err == nil {
				_ = c.Close()
			}
			return err != nil, err
		})
	}
	if p.Ended() {
		t.Fatal("the proxy ended while a request was in flight")
	}
	if code, _ := p.Get(t, "/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("/readyz = %d while draining, want 503", code)
	}
	if !idle.Closed() {
		t.Error("an idle connection is still open while draining, want it closed")
	}
	close(release)
	if a := busy.Answer(t, "GET"); a.Status != http.StatusOK || a.Body != "done" {
		t.Errorf("the request in flight got %d %q, want 200 done", a.Status, a.Body)
	}
	if r := p.Wait(t); r.Code != 0 {
		t.Errorf("exit %d after TERM, want 0: %s", r.Code, r.Stderr)
	}
}

func TestASecondTermEndsAtOnce(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	stable, canary := pair(t)
	stable.Script(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	p := testkit.Start(t, shop(stable.URL, canary.URL, ""))
	c := testkit.Dial(t, p.Web)
	c.Send(t, testkit.Head("GET", "/"))
	<-arrived
	p.Signal(t, syscall.SIGTERM)
	testkit.Until(t, testkit.Patience, "a proxy that drains", func() (bool, any) {
		code, body := p.Get(t, "/readyz")
		return code == http.StatusServiceUnavailable, body
	})
	p.Signal(t, syscall.SIGTERM)
	p.Wait(t)
}

func TestATunnelLivesUntilTheShutdownTimeoutAndNoLonger(t *testing.T) {
	t.Parallel()
	url := testkit.NewRawOrigin(t, func(c *testkit.RawConn) {
		if _, err := c.Request(); err == nil {
			c.Say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			_, _ = io.Copy(c, c.In)
		}
	})
	p := testkit.Start(t, "shutdownTimeout: 1s\nroutes:\n  - {name: shop, backends: {stable: {endpoints: [\""+url+"\"]}}}\n")
	c := testkit.Dial(t, p.Web)
	c.Send(t, testkit.Head("GET", "/", "Connection: Upgrade", "Upgrade: echo"))
	if line, err := c.In.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 101 ") {
		t.Fatalf("got %q, %v; want 101", line, err)
	}
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = c.In.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	p.Signal(t, syscall.SIGTERM)
	testkit.Until(t, testkit.Patience, "a proxy that drains", func() (bool, any) {
		code, body := p.Get(t, "/readyz")
		return code == http.StatusServiceUnavailable, body
	})
	c.Send(t, "ping")
	if b, err := c.In.ReadByte(); b != 'p' || err != nil {
		t.Errorf("the tunnel gave %q, %v while draining; want it to go on", b, err)
	}
	p.Wait(t)
	if rest, err := io.ReadAll(c.In); err == nil {
		t.Errorf("the tunnel ended properly after %q, want a reset", rest)
	}
}
