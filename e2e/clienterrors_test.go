package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

// What clients do wrong is counted by kind, and never against a backend.
func TestClientsErrorsAreCountedByKindAndBlameNoBackend(t *testing.T) {
	t.Parallel()
	o := testkit.NewOrigin(t, "stable", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/long" {
			w.Header().Set("Content-Length", "100000000")
			for b := make([]byte, 1<<16); ; {
				if _, err := w.Write(b); err != nil {
					return
				}
			}
		}
	})
	p := testkit.Prepare(t, "")
	p.WriteWhole(t, "version: 1\nlisteners: [{name: web, address: \""+p.Web+"\", limits: {headerTimeout: 300ms, idleTimeout: 300ms, bodyRate: 0, "+
		"headerBytes: 1KiB, connections: 1}}]\nadmin: {address: \""+p.Admin+"\"}\nstate: {dir: \""+p.StateDir+"\"}\n"+
		"routes: [{name: shop, backends: {stable: {endpoints: [\""+o.URL+"\"]}}}]\n")
	p.Run(t)
	p.AwaitReady(t)
	post := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"
	for _, c := range []struct{ kind, sent string }{
		{"bad-request", "GET / HTTP/1.1\r\n\r\n"},
		{"too-large", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 2000) + "\r\n"},
		{"unsupported", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"header-timeout", "GET"},
		{"body-timeout", post},
		{"aborted", "GET /long HTTP/1.1\r\nHost: a\r\n\r\n"},
	} {
		client := testkit.Dial(t, p.Web)
		client.Send(t, c.sent)
		if _, err := client.In.ReadByte(); err != nil {
			t.Errorf("%s: %v, want an answer", c.kind, err)
		}
		_ = client.Close() // with most of the long answer unread, which is what aborts it
		testkit.Until(t, testkit.Patience, "one "+c.kind, func() (bool, any) {
			n := testkit.Sum(p.Metrics(t), "sluice_client_errors_total", `kind="`+c.kind+`"`)
			return n == 1, n
		})
	}
	m := p.Metrics(t)
	if n := testkit.Sum(m, "sluice_upstream_errors_total"); n != 0 {
		t.Errorf("%v errors of backends, want none", n)
	}
	if n := testkit.Sum(m, "sluice_client_errors_total"); n != 6 {
		t.Errorf("%v errors of clients, want 6: each of one kind", n)
	}
}
