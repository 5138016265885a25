package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sluice/internal/testkit"
)

// accessLine is what a line of the access log says.
type accessLine struct {
	Client, Method, Target, Host, HTTP, Listener, Route, Backend, Endpoint, Reason, RequestID, UserAgent, Cut string
	Status                                                                                                    int
	Bytes                                                                                                     int64
	Milliseconds                                                                                              float64
}

func TestEveryAnswerIsALineOfTheAccessLog(t *testing.T) {
	t.Parallel()
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "not all")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case "/stream":
			for range 100 {
				_, _ = io.WriteString(w, strings.Repeat("x", 1000))
				w.(http.Flusher).Flush()
			}
		default:
			b, _ := io.ReadAll(r.Body)
			_, _ = w.Write(b)
		}
	}))
	t.Cleanup(origin.Close)
	p := testkit.Prepare(t, "")
	file := filepath.Join(t.TempDir(), "access.log")
	p.WriteWhole(t, fmt.Sprintf("version: 1\nlisteners: [{name: web, address: %q, protocols: [http1, h2c]}]\nadmin: {address: %q}\nstate: {dir: %q}\nlog: {access: {format: json, path: %q}}\n"+
		"routes:\n  - {name: shop, match: [{host: shop.example.com}], backends: {stable: {endpoints: [%q]}}}\n"+
		"  - {name: down, match: [{host: down.example.com}], backends: {stable: {endpoints: [\"http://%s\"]}}}\n",
		p.Web, p.Admin, p.StateDir, file, origin.URL, testkit.FreeAddress(t)))
	p.Run(t)
	p.AwaitReady(t)

	body := strings.Repeat("b", 5000)
	for _, sent := range []string{
		"POST /echo?a=\"b\" HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: some\\thing\r\nX-Request-Id: mine\r\nContent-Length: 5000\r\n\r\n" + body,
		"GET /stream HTTP/1.1\r\nHost: shop.example.com\r\n\r\n",
		"HEAD / HTTP/1.0\r\nHost: shop.example.com\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: down.example.com\r\n\r\n",
		"GET /cut HTTP/1.1\r\nHost: shop.example.com\r\n\r\n",
	} {
		c := testkit.Dial(t, p.Web)
		c.Send(t, sent)
		method, _, _ := strings.Cut(sent, " ")
		_, _ = c.Read(method) // one answer does not come whole
	}
	lines := awaitLines(t, file, 6)
	for i, want := range []accessLine{
		{Method: "POST", Target: `/echo?a="b"`, Host: "shop.example.com", HTTP: "1.1", Route: "shop", Backend: "stable", Reason: "weight", RequestID: "mine", UserAgent: `some\thing`, Status: 200, Bytes: 5000},
		{Method: "GET", Target: "/stream", Host: "shop.example.com", HTTP: "1.1", Route: "shop", Backend: "stable", Reason: "weight", Status: 200, Bytes: 100000},
		{Method: "HEAD", Target: "/", Host: "shop.example.com", HTTP: "1.0", Route: "shop", Backend: "stable", Reason: "weight", Status: 200},
		{Method: "GET", Target: "/", Host: "nobody.example.com", HTTP: "1.1", Status: 404},
		{Method: "GET", Target: "/", Host: "down.example.com", HTTP: "1.1", Route: "down", Backend: "stable", Reason: "weight", Status: 502},
		{Method: "GET", Target: "/cut", Host: "shop.example.com", HTTP: "1.1", Route: "shop", Backend: "stable", Reason: "weight", Status: 200, Cut: "backend", Bytes: 7},
	} {
		got := lines[i]
		if got.Client != "127.0.0.1" || got.Listener != "web" || got.Milliseconds <= 0 || (got.Endpoint != "") != (got.Backend != "") || got.RequestID == "" {
			t.Errorf("line %d: %+v", i, got)
		}
		got.Client, got.Listener, got.Milliseconds, got.Endpoint = "", "", 0, ""
		if want.RequestID == "" {
			got.RequestID = ""
		}
		if got.Status >= 400 && got.Bytes > 0 {
			got.Bytes = 0 // of our own pages
		}
		if got != want {
			t.Errorf("line %d:\n%+v, want\n%+v", i, got, want)
		}
	}
}

func awaitLines(t *testing.T, file string, n int) (lines []accessLine) {
	t.Helper()
	testkit.Until(t, testkit.Patience, fmt.Sprintf("%d lines", n), func() (bool, any) {
		lines = nil
		b, _ := os.ReadFile(file)
		for s := bufio.NewScanner(strings.NewReader(string(b))); s.Scan(); {
			var l accessLine
			if err := json.Unmarshal(s.Bytes(), &l); err != nil {
				return false, err
			}
			lines = append(lines, l)
		}
		return len(lines) == n, lines
	})
	return lines
}

func TestTheAccessLogFollowsRotationAndReloads(t *testing.T) {
	t.Parallel()
	origin := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(origin.Close)
	p := testkit.Prepare(t, "")
	file := filepath.Join(t.TempDir(), "access.log")
	write := func(access string) {
		p.WriteWhole(t, fmt.Sprintf("version: 1\nlisteners: [{name: web, address: %q}]\nadmin: {address: %q}\nstate: {dir: %q}\nlog: {access: %s}\n"+
			"routes:\n  - {name: shop, backends: {stable: {endpoints: [%q]}}}\n", p.Web, p.Admin, p.StateDir, access, origin.URL))
	}
	reload := func() {
		t.Helper()
		if status, body := p.Post(t, "/api/v1/reload", map[string]string{}); status != 200 {
			t.Fatalf("reload: %d %s", status, body)
		}
	}
	get := func() {
		c := testkit.Dial(t, p.Web)
		c.Send(t, testkit.Head("GET", "/"))
		c.Answer(t, "GET")
	}
	write("off")
	p.Run(t)
	p.AwaitReady(t)
	get() // leaves no line
	write(fmt.Sprintf("{format: json, path: %q}", file))
	reload()
	get()
	awaitLines(t, file, 1)
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	p.Signal(t, syscall.SIGUSR1)
	testkit.Until(t, testkit.Patience, "a new file", func() (bool, any) {
		get()
		_, err := os.Stat(file)
		return err == nil, err
	})
	write(fmt.Sprintf("{format: json, path: %q}", filepath.Join(file, "in", "a", "file")))
	if status, body := p.Post(t, "/api/v1/reload", map[string]string{}); status == 200 || !strings.Contains(body, "access log") {
		t.Errorf("a path that can't be: %d %s", status, body)
	}
	write("off")
	reload()
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	get()
	if after, err := os.ReadFile(file); err != nil || len(after) != len(before) {
		t.Errorf("off, but the file has grown from %d to %d bytes", len(before), len(after))
	}
	if dropped := testkit.Sum(p.Metrics(t), "sluice_access_log_dropped_total"); dropped != 0 {
		t.Errorf("%v lines dropped", dropped)
	}
}
