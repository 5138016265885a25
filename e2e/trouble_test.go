package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/internal/testkit"
)

// secureBackend answers over TLS, with a certificate that it reads from the files.
func secureBackend(t *testing.T, c testkit.Certificate, clients *x509.CertPool) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
	if clients != nil {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, clients
	}
	return served(t, &http.Server{TLSConfig: config})
}

// served is the address of a server that answers ok.
func served(t *testing.T, s *http.Server) string {
	t.Helper()
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	s.ReadHeaderTimeout, s.ErrorLog = testkit.Patience, log.New(io.Discard, "", 0)
	l, err := net.Listen("tcp", testkit.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if s.TLSConfig != nil {
			_ = s.ServeTLS(l, "", "")
		} else {
			_ = s.Serve(l)
		}
	}()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// saying is the address of what says a text to everybody and then waits.
func saying(t *testing.T, text string) string {
	t.Helper()
	return strings.TrimPrefix(testkit.NewRawOrigin(t, func(c *testkit.RawConn) {
		_, _ = c.In.ReadByte()
		c.Say(text)
		_, _ = io.Copy(io.Discard, c.In)
	}), "http://")
}

func TestWhyABackendCannotBeSpokenToIsInTheLogTheStatusAndTheCounter(t *testing.T) {
	t.Parallel()
	ours, theirs := testkit.NewAuthority(t), testkit.NewAuthority(t)
	soon := time.Now().Add(time.Hour)
	onlyHTTP2 := &http.Server{Protocols: new(http.Protocols)}
	onlyHTTP2.Protocols.SetUnencryptedHTTP2(true)
	good := ours.Issue(t, "good", soon, "127.0.0.1")
	plain := served(t, &http.Server{})
	for name, c := range map[string]struct {
		endpoint, kind, line string
		status               int
	}{
		"an expired certificate": {"https://" + secureBackend(t, ours.Issue(t, "old", time.Now().Add(-time.Hour), "127.0.0.1"), nil), "tls", "certificate has expired", 502},
		"another name":           {"https://" + secureBackend(t, ours.Issue(t, "other", soon, "other.test"), nil), "tls", "set tls.serverName", 502},
		"an unknown authority":   {"https://" + secureBackend(t, theirs.Issue(t, "theirs", soon, "127.0.0.1"), nil), "tls", "set tls.caFile", 502},
		"no certificate of ours": {"https://" + secureBackend(t, good, ours.Pool), "tls", "set tls.certFile", 502},
		"TLS to plain":           {"https://" + plain, "tls", "does not speak TLS", 502},
		"TLS to something else":  {"https://" + saying(t, "SSH-2.0-OpenSSH_9.2p1\r\n"), "tls", "does not speak TLS", 502},
		"HTTP/2 to HTTP/1":       {"h2c://" + plain, "malformed", "does not speak HTTP/2", 502},
		"HTTP/2 to something":    {"h2c://" + saying(t, "SSH-2.0-OpenSSH_9.2p1\r\n"), "malformed", "does not speak HTTP/2", 502},
		"HTTP/1 to HTTP/2":       {"http://" + saying(t, "\x00\x00\x00\x04\x00\x00\x00\x00\x00"), "malformed", "write h2c://", 502},
		"plain to TLS":           {"http://" + saying(t, "\x15\x03\x01\x00\x02\x02\x46"), "malformed", "write https://", 502},
		"HTTP to something else": {"http://" + saying(t, "SSH-2.0-OpenSSH_9.2p1\r\n"), "malformed", "no HTTP at all", 502},
	} {
		for _, checked := range []bool{false, true} {
			if checked && !strings.HasPrefix(c.endpoint, "https") {
				continue
			}
			t.Run(fmt.Sprintf("%s, health check %v", name, checked), func(t *testing.T) {
				t.Parallel()
				extra, status, kind := "", c.status, c.kind
				if checked {
					extra, status, kind = ", healthCheck: {path: /}", 503, "unavailable"
				}
				if strings.HasPrefix(c.endpoint, "https") {
					extra += fmt.Sprintf(", tls: {caFile: %q}", ours.File)
				}
				p := testkit.Start(t, fmt.Sprintf("routes:\n  - {name: shop, backends: {stable: {endpoints: [%q]%s}}}\n", c.endpoint, extra))
				const requests = 5
				for range requests {
					if a := testkit.Ask(t, p.Web, "GET", "/"); a.Status != status || strings.Contains(a.Body, "SSH") {
						t.Fatalf("the answer is %d %q, want %d without what the endpoint said", a.Status, a.Body, status)
					}
				}
				least := float64(requests)
				if (name == "no certificate of ours" || strings.HasPrefix(name, "HTTP/2 to")) && !checked {
					least = 1 // what it says may be lost with a connection that is still written to
				}
				if n := testkit.Sum(p.Metrics(t), "sluice_upstream_errors_total", `kind="`+kind+`"`); n < least || n > requests {
					t.Errorf("%v upstream errors of the kind %s, want %d", n, kind, requests)
				}
				testkit.Until(t, testkit.Patience, "a line in the log", func() (bool, any) {
					return strings.Contains(p.Stderr(), c.line), p.Stderr()
				})
				lines := p.Stderr()
				if !strings.Contains(lines, c.endpoint) || !strings.Contains(lines, `"backend": "stable"`) || !strings.Contains(lines, `"route": "shop"`) {
					t.Errorf("the log names no route, backend or endpoint: %s", lines)
				}
				if n := strings.Count(lines, "can't be spoken to"); n > requests-1 {
					t.Errorf("%d lines for %d requests, want fewer", n, requests)
				}
			})
		}
	}
}
