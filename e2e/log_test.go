package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

var logLine = regexp.MustCompile(`\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warn|error) [ -~\t]+\z`)

// Whatever is sent, a line of the log is one line, and nothing that is a secret or may be one stands in it.
func TestNothingThatIsSentBreaksALogLineOrStandsInIt(t *testing.T) {
	t.Parallel()
	broken := testkit.NewRawOrigin(t, func(c *testkit.RawConn) {
		if _, err := c.Request(); err == nil {
			c.Say("HTTP/1.1 200 SECRET\r\nSECRET: \x00\r\n2026-01-01T00:00:00.000Z error forged\r\n\r\n")
		}
	})
	p := testkit.Prepare(t, "")
	p.WriteWhole(t, fmt.Sprintf("version: 1\nlisteners: [{name: web, address: %q}]\nadmin: {address: %q}\nstate: {dir: %q}\nlog: {level: debug}\n"+
		"routes: [{name: shop, backends: {stable: {endpoints: [%q]}}}]\n", p.Web, p.Admin, p.StateDir, broken))
	p.Run(t)
	p.AwaitReady(t)
	secrets := []string{"Authorization: Bearer SECRET", "Cookie: sluice-id=SECRET", "X-Request-Id: SECRET", "User-Agent: SECRET\x1b[31m\xff"}
	for _, sent := range []string{
		testkit.Head("GET", "/SECRET?token=SECRET%0d%0aerror", secrets...),
		testkit.Head("GET", "/", append(secrets, "X: SECRET\x00")...),
		testkit.Head("GET", "/", append(secrets, "X: SECRET\n2026-01-01T00:00:00.000Z error forged")...),
		"SECRET\r\n", "\x16\x03SECRET",
	} {
		c := testkit.Dial(t, p.Web)
		c.Send(t, sent)
		if a := c.Answer(t, "GET"); a.Status != 400 && a.Status != 502 {
			t.Errorf("%.40q: %d, want 400 or 502", sent, a.Status)
		}
	}
	const forged = "x\r\n2026-01-01T00:00:00.000Z error forged"
	for _, command := range []map[string]string{{"actor": forged}, {"actor": "me", "comment": forged}, {"actor": "me", "comment": "\x00"}} {
		p.Post(t, "/api/v1/reload", command)
	}
	p.Post(t, "/api/v1/reload", map[string]string{"actor": "me", "comment": "\u2028 \u0085 last"})
	testkit.Until(t, testkit.Patience, "the last command in the log", func() (bool, any) {
		return strings.Contains(p.Stderr(), "last"), p.Stderr()
	})
	text := p.Stderr()
	for line := range strings.Lines(text) {
		if !logLine.MatchString(strings.TrimSuffix(line, "\n")) || strings.HasPrefix(line, "2026-01-01") {
			t.Errorf("%q is no line of the log", line)
		}
		if strings.Contains(line, "SECRET") {
			t.Errorf("%q says what a client sent", line)
		}
	}
}
