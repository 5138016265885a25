package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"sluice/internal/testkit"
)

func TestAMirrorGetsCopiesAndIsMeasuredApart(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	copies := make(chan string, 100)
	canary.Script(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		copies <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Sluice-Mirror") + " " + string(body)
		testkit.Failing(w, r)
	})
	p := testkit.Start(t, shop(stable.URL, canary.URL, "    mirror: {to: canary, methods: [GET, POST]}\n"))
	for i := range 20 {
		if a := testkit.Ask(t, p.Web, "GET", "/a"); a.Status != 200 || a.ServedBy() != "stable" {
			t.Fatalf("answer %d is %d of %q, want stable's 200", i, a.Status, a.ServedBy())
		}
		if got, want := <-copies, "GET /a true "; got != want {
			t.Errorf("copy %q, want %q", got, want)
		}
	}
	c := testkit.Dial(t, p.Web)
	c.Send(t, "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
	if a := c.Answer(t, "POST"); a.Status != 200 {
		t.Errorf("answer %d", a.Status)
	}
	if got, want := <-copies, "POST /b true hello"; got != want {
		t.Errorf("copy %q, want %q", got, want)
	}
	testkit.Until(t, testkit.Patience, "21 copies that failed", func() (bool, any) {
		got := testkit.Sum(p.Metrics(t), "sluice_mirrored_requests_total", `backend="canary"`, `result="failed"`)
		return got == 21, got
	})
	if b := p.Route(t, "shop").Backend("canary"); b.Requests != 0 || b.Errors != 0 {
		t.Errorf("the canary has %d requests and %d errors, want none: copies are nobody's evidence", b.Requests, b.Errors)
	}
	if got := testkit.Sum(p.Metrics(t), "sluice_requests_total", `backend="canary"`); got != 0 {
		t.Errorf("%v answers of the canary to clients, want none", got)
	}
	got := testkit.Run(t, "explain", "http://a/b", "-c", p.File)
	if want := "100% of such requests are copied to canary"; !strings.Contains(got.Stdout, want) {
		t.Errorf("explain says %q, want %q in it", got.Stdout, want)
	}
}

func TestAMirrorThatHangsOrIsDeadChangesNoAnswer(t *testing.T) {
	t.Parallel()
	for name, mirror := range map[string]string{"hanging": testkit.Silent(t), "dead": testkit.FreeAddress(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stable := testkit.NewOrigin(t, "stable", nil)
			p := testkit.Start(t, shop(stable.URL, "http://"+mirror, "    mirror: {to: canary}\n"))
			const requests = 400
			for i, a := range testkit.AskMany(t, p.Web, requests, func(int) string { return testkit.Head("GET", "/") }) {
				if a.Status != 200 || a.ServedBy() != "stable" {
					t.Fatalf("answer %d is %d of %q, want stable's 200", i, a.Status, a.ServedBy())
				}
			}
			if name == "hanging" {
				testkit.Until(t, testkit.Patience, "copies beyond the bound are dropped", func() (bool, any) {
					got := testkit.Sum(p.Metrics(t), "sluice_mirrored_requests_total", `result="dropped"`)
					return got == requests-128, got
				})
			}
			p.Signal(t, syscall.SIGTERM)
			if end := p.Wait(t); end.Code != 0 { // it waits for no copy
				t.Errorf("exit %d: %s", end.Code, end.Stderr)
			}
		})
	}
}

func TestRequestsOfHTTP2AreCopiedToo(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	var calls atomic.Int64
	canary.Script(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") == "application/grpc" {
			calls.Add(1)
		}
	})
	p := testkit.Prepare(t, "")
	p.WriteWhole(t, fmt.Sprintf("version: 1\nlisteners: [{name: web, address: %q, protocols: [http1, h2c]}]\nadmin: {address: %q}\nstate: {dir: %q}\n%s",
		p.Web, p.Admin, p.StateDir, shop(stable.URL, canary.URL, "    mirror: {to: canary, methods: [GET, POST]}\n")))
	p.Run(t)
	p.AwaitReady(t)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	for i := range 11 {
		kind := "text/plain"
		if i == 0 {
			kind = "application/grpc" // of which there is no copy
		}
		a, err := (&http.Client{Transport: transport}).Post("http://"+p.Web+"/", kind, strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		if a.StatusCode != 200 || a.ProtoMajor != 2 || a.Header.Get(testkit.ServedBy) != "stable" {
			t.Fatalf("%s %d of %q", a.Proto, a.StatusCode, a.Header.Get(testkit.ServedBy))
		}
	}
	testkit.Until(t, testkit.Patience, "10 copies", func() (bool, any) { return canary.Count() == 10, canary.Count() })
	if n := calls.Load(); n > 0 {
		t.Errorf("%d calls were copied, want none", n)
	}
}
