package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

// Every limit has its status, a short page with the request's id, and one counter by kind that goes up by one, and no other.
func TestEveryLimitHasItsStatusItsShortPageAndItsCounter(t *testing.T) {
	t.Parallel()
	good := testkit.NewOrigin(t, "stable", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	raw := func(answer string) string {
		return testkit.NewRawOrigin(t, func(c *testkit.RawConn) {
			if _, err := c.Request(); err == nil {
				c.Say(answer)
				if answer == "" {
					_, _ = c.Request() // never comes
				}
			}
		})
	}
	held := make(chan struct{})
	busy := testkit.NewOrigin(t, "busy", func(http.ResponseWriter, *http.Request) { <-held })
	p := testkit.Prepare(t, "")
	p.WriteWhole(t, fmt.Sprintf(`version: 1
listeners: [{name: web, address: %q, limits: {headerBytes: 1KiB, headerCount: 10, headerTimeout: 300ms, bodyRate: 1KiB/s, bodyBytes: 1000B}}]
admin: {address: %q}
state: {dir: %q}
routes:
  - {name: good, match: [{path: {prefix: /good}}], backends: {stable: {endpoints: [%q]}}}
  - {name: refuses, match: [{path: {prefix: /refuses}}], backends: {stable: {endpoints: ["http://%s"]}}}
  - {name: nonsense, match: [{path: {prefix: /nonsense}}], backends: {stable: {endpoints: [%q]}}}
  - {name: closes, match: [{path: {prefix: /closes}}], backends: {stable: {endpoints: [%q]}}}
  - {name: silent, match: [{path: {prefix: /silent}}], backends: {stable: {endpoints: [%q], timeouts: {firstByte: 300ms}}}}
  - {name: late, match: [{path: {prefix: /late}}], timeout: 300ms, backends: {stable: {endpoints: [%q]}}}
  - {name: busy, match: [{path: {prefix: /busy}}], backends: {stable: {endpoints: [%q], connections: {max: 1}}}}
  - {name: sick, match: [{path: {prefix: /sick}}], backends: {stable: {endpoints: ["http://%s"], healthCheck: {interval: 100ms, unhealthyAfter: 1}}}}
`, p.Web, p.Admin, p.StateDir, good.URL, testkit.FreeAddress(t), raw("nonsense\r\n\r\n"), raw("HTTP/1.1 2"), raw(""), raw(""), busy.URL,
		testkit.FreeAddress(t)))
	p.Run(t)
	p.AwaitReady(t)
	testkit.Until(t, testkit.Patience, "a backend that is known to be sick", func() (bool, any) {
		a := testkit.Ask(t, p.Web, "GET", "/sick")
		return a.Status == 503, a.Status
	})
	holder := testkit.Dial(t, p.Web)
	holder.Send(t, testkit.Head("GET", "/busy"))
	testkit.Until(t, testkit.Patience, "the only connection to be taken", func() (bool, any) { return busy.Count() == 1, busy.Count() })
	defer close(held)

	const client, upstream = "sluice_client_errors_total", "sluice_upstream_errors_total"
	post := func(lines ...string) string { return testkit.Head("POST", "/good", lines...) }
	for _, c := range []struct {
		name       string
		status     int
		counter    string
		kind, sent string
	}{
		{"no Host", 400, client, "bad-request", "GET / HTTP/1.1\r\n\r\n"},
		{"a broken chunk", 400, client, "bad-request", post("Transfer-Encoding: chunked") + "zz\r\n"},
		{"a late head", 408, client, "header-timeout", "GET / HT"},
		{"a slow body", 408, client, "body-timeout", post("Content-Length: 5") + "ab"},
		{"CONNECT", 405, client, "unsupported", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"},
		{"no length in HTTP/1.0", 411, client, "bad-request", "POST /good HTTP/1.0\r\n\r\n"},
		{"a body too long", 413, client, "too-large", post("Content-Length: 1001")},
		{"chunks too long", 413, client, "too-large", post("Transfer-Encoding: chunked") + "3e9\r\n" + strings.Repeat("x", 1001)},
		{"a target too long", 414, client, "too-large", "GET /" + strings.Repeat("x", 1100)},
		{"an unknown expectation", 417, client, "unsupported", post("Expect: miracles", "Content-Length: 1")},
		{"a head too long", 431, client, "too-large", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 1100)},
		{"too many fields", 431, client, "too-large", "GET / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 11)},
		{"trailers too long", 431, client, "too-large", post("Transfer-Encoding: chunked") + "0\r\nX: " + strings.Repeat("x", 9000)},
		{"an unknown coding", 501, client, "unsupported", post("Transfer-Encoding: gzip, chunked")},
		{"an unknown version", 505, client, "unsupported", "GET / HTTP/3.0\r\n"},
		{"no connection", 502, upstream, "connect", testkit.Head("GET", "/refuses")},
		{"nonsense for an answer", 502, upstream, "malformed", testkit.Head("GET", "/nonsense")},
		{"half an answer", 502, upstream, "reset", testkit.Head("GET", "/closes")},
		{"a sick backend", 503, upstream, "unavailable", testkit.Head("GET", "/sick")},
		{"a busy backend", 503, upstream, "busy", testkit.Head("GET", "/busy")},
		{"a silent backend", 504, upstream, "timeout", testkit.Head("GET", "/silent")},
		{"the route's timeout", 504, upstream, "timeout", testkit.Head("GET", "/late")},
	} {
		before := p.Metrics(t)
		conn := testkit.Dial(t, p.Web)
		conn.Send(t, c.sent)
		a := conn.Answer(t, "GET")
		id := a.Header.Get("X-Request-Id")
		if a.Status != c.status || len(a.Body) > 200 || id == "" || !strings.Contains(a.Body, id) {
			t.Errorf("%s: %d %q, want %d with a short page that has the id %q", c.name, a.Status, a.Body, c.status, id)
		}
		if mine := c.counter == client; mine != a.Raw.Close || mine && !conn.Closed() {
			t.Errorf("%s: Connection: close is %v, want the connection closed where the client is to blame, and only there", c.name, a.Raw.Close)
		}
		_ = conn.Close()
		counted := func() (bool, any) {
			after := p.Metrics(t)
			n := func(name string, labels ...string) float64 {
				return testkit.Sum(after, name, labels...) - testkit.Sum(before, name, labels...)
			}
			kind, all := n(c.counter, `kind="`+c.kind+`"`), n(client)+n(upstream)
			return kind == 1 && all == 1, []float64{kind, all}
		}
		testkit.Until(t, testkit.Patience, c.name+": one "+c.kind+" and nothing else", counted)
	}
}
