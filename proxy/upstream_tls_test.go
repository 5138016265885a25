package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sluice/backend"
	"sluice/internal/testkit"
	"sluice/metrics"
)

func secureOrigin(t *testing.T) (*httptest.Server, *tls.Config) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Remote", r.RemoteAddr)
		_, _ = w.Write(append([]byte("over "+r.Proto+" "), body...))
	}))
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return server, &tls.Config{RootCAs: pool, ServerName: "example.com"}
}

func TestABackendOverTLSAnswersAndItsConnectionIsReused(t *testing.T) {
	t.Parallel()
	server, secure := secureOrigin(t)
	b := newBench(t, benchOptions{backend: func(_ string, c *backend.Config) { c.TLS = secure }}, server.URL)
	big := strings.Repeat("x", 200<<10)
	remotes := map[string]bool{}
	for range 4 {
		for _, body := range []string{"", "small", big} {
			req, _ := http.NewRequest(http.MethodPost, "http://"+b.address+"/", strings.NewReader(body))
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || string(got) != "over HTTP/1.1 "+body {
				t.Fatalf("status %d, %d bytes, %v", resp.StatusCode, len(got), err)
			}
			remotes[resp.Header.Get("Remote")] = true
		}
	}
	if len(remotes) > 3 {
		t.Errorf("12 requests took %d connections, want them reused", len(remotes))
	}
}

func TestABackendWithAnUnknownCertificateIsUnreachable(t *testing.T) {
	t.Parallel()
	server, _ := secureOrigin(t)
	b := newBench(t, benchOptions{}, server.URL)
	if got := b.talk(getOnce); !strings.HasPrefix(got, "HTTP/1.1 502 ") || !strings.Contains(got, "TLS handshake") {
		t.Errorf("answer %q, want a 502 that tells of the handshake", got)
	}
	got := b.totals(0, func(c metrics.Totals) bool { return c.Errors == 1 })
	if got.UpstreamErrors[metrics.UpstreamTLS] != 1 || got.Errors != 1 {
		t.Errorf("counted %d TLS errors and %d failures, want one of each", got.UpstreamErrors[metrics.UpstreamTLS], got.Errors)
	}
}

func TestTheRoutesTimeoutBoundsConnecting(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchOptions{connect: time.Hour, timeout: 100 * time.Millisecond}, "http://"+testkit.Silent(t))
	if got := b.talk(getOnce); !strings.HasPrefix(got, "HTTP/1.1 504 ") {
		t.Errorf("answer %q, want a 504 when the route's timeout is over", got)
	}
}
