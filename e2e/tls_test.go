package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/testkit"
)

// secure is a proxy with a plain listener and one with TLS for each certificate's names.
type secure struct {
	*testkit.Proxy
	address   string
	authority *testkit.Authority
	files     testkit.Certificate
}

// edge starts one; extra is further keys of its plain listener.
func edge(t *testing.T, origin, extra string) *secure {
	t.Helper()
	s := &secure{Proxy: testkit.Prepare(t, ""), address: testkit.FreeAddress(t), authority: testkit.NewAuthority(t)}
	s.files = s.authority.Issue(t, "shop", time.Now().Add(time.Hour), "127.0.0.1", "shop.test")
	s.WriteWhole(t, fmt.Sprintf("version: 1\nlisteners:\n  - {name: web, address: %q%s}\n"+
		"  - {name: secure, address: %q, tls: {certificates: [{certFile: %q, keyFile: %q}]}}\n"+
		"admin: {address: %q}\nstate: {dir: %q}\nroutes:\n  - {name: shop, backends: {stable: {endpoints: [%q]}}}\n",
		s.Web, extra, s.address, s.files.CertFile, s.files.KeyFile, s.Admin, s.StateDir, origin))
	s.Run(t)
	s.AwaitReady(t)
	return s
}

// serial is the certificate's that a new connection is shown.
func (s *secure) serial(t *testing.T) string {
	t.Helper()
	c, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: s.authority.Pool})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func TestCertificatesChangeUnderLoadAndNothingIsLost(t *testing.T) {
	t.Parallel()
	origin := testkit.NewOrigin(t, "stable", nil)
	s := edge(t, origin.URL, "")
	stop := make(chan struct{})
	var load sync.WaitGroup
	for _, version := range []string{"h1", "h2"} {
		for _, keep := range []bool{true, false} {
			load.Go(func() {
				transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.authority.Pool}, DisableKeepAlives: !keep, ForceAttemptHTTP2: version == "h2"}
				defer transport.CloseIdleConnections()
				client := &http.Client{Transport: transport, Timeout: testkit.Patience}
				for n := 0; ; n++ {
					select {
					case <-stop:
						if n == 0 {
							t.Error("nothing was asked")
						}
						return
					default:
					}
					resp, err := client.Get("https://" + s.address + "/")
					if err != nil {
						t.Errorf("%s: %v", version, err)
						return
					}
					_, err = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					if err != nil || resp.StatusCode != 200 {
						t.Errorf("%s: %d, %v", version, resp.StatusCode, err)
						return
					}
				}
			})
		}
	}
	for range 3 {
		before := s.serial(t)
		s.authority.Issue(t, "shop", time.Now().Add(time.Hour), "127.0.0.1")
		testkit.Until(t, testkit.Patience, "the new certificate", func() (bool, any) { return s.serial(t) != before, before })
	}
	before := s.serial(t)
	refusals := func() float64 { return testkit.Sum(s.Metrics(t), "sluice_tls_reloads_total", `result="failure"`) }
	between := refusals() // a machine that is slow may show us a certificate whose key is not written yet
	if err := os.WriteFile(s.files.KeyFile, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, testkit.Patience, "the broken pair in the log and the counter", func() (bool, any) {
		refused := refusals()
		return refused == between+1 && strings.Contains(s.Stderr(), s.files.KeyFile), refused
	})
	if got := s.serial(t); got != before {
		t.Errorf("after a broken pair the certificate is number %s, want %s as before", got, before)
	}
	close(stop)
	load.Wait()
	m := s.Metrics(t)
	if good := testkit.Sum(m, "sluice_tls_reloads_total", `result="success"`); good != 3 {
		t.Errorf("sluice_tls_reloads_total counts %v good ones, want 3", good)
	}
	if at := testkit.Sum(m, "sluice_tls_certificate_not_after_seconds", `listener="secure"`); at < float64(time.Now().Unix()) {
		t.Errorf("sluice_tls_certificate_not_after_seconds = %v, want a time to come", at)
	}
}

func TestABadCertificateIsAnErrorWithItsLine(t *testing.T) {
	t.Parallel()
	a := testkit.NewAuthority(t)
	good, old := a.Issue(t, "good", time.Now().Add(time.Hour), "a.test"), a.Issue(t, "old", time.Now().Add(-time.Hour), "a.test")
	for name, c := range map[string]struct {
		pair testkit.Certificate
		want string
	}{
		"expired": {old, "expired on"},
		"missing": {testkit.Certificate{CertFile: good.CertFile, KeyFile: "none.key"}, "there is no such file"},
		"no pair": {testkit.Certificate{CertFile: good.CertFile, KeyFile: old.KeyFile}, "are no pair"},
		"no PEM":  {testkit.Certificate{CertFile: good.KeyFile, KeyFile: good.KeyFile}, "are no pair"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.Prepare(t, "")
			p.WriteWhole(t, fmt.Sprintf("version: 1\nlisteners:\n  - name: web\n    address: %q\n    tls:\n      certificates:\n        - certFile: %s\n          keyFile: %s\n"+
				"state: {dir: %q}\nroutes: []\n", p.Web, c.pair.CertFile, c.pair.KeyFile, p.StateDir))
			for _, args := range [][]string{{"validate", p.File}, {"run", "-c", p.File}} {
				r := testkit.Run(t, args...)
				said := r.Stdout + r.Stderr
				if r.Code != 3 || !strings.Contains(said, c.want) || !strings.Contains(said, "sluice.yaml:7:") && !strings.Contains(said, "sluice.yaml:8:") {
					t.Errorf("sluice %s: exit %d, %q; want 3, the line and %q", args[0], r.Code, said, c.want)
				}
			}
		})
	}
}

func TestAPlainListenerSendsClientsToTLS(t *testing.T) {
	t.Parallel()
	origin := testkit.NewOrigin(t, "stable", nil)
	s := edge(t, origin.URL, ", redirectToTLS: true, trustedProxies: [127.0.0.2/32]")
	_, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"shop.test": "https://shop.test", "shop.test:8080": "https://shop.test", s.Web: "https://127.0.0.1:" + port, "[::1]": "https://[::1]",
	} {
		c := testkit.Dial(t, s.Web)
		c.Send(t, "POST /a%2fb//c;d?x=%20 HTTP/1.1\r\nHost: "+host+"\r\nContent-Length: 0\r\n\r\n")
		a := c.Answer(t, "POST")
		if got := a.Header.Get("Location"); a.Status != 308 || got != want+"/a%2fb//c;d?x=%20" {
			t.Errorf("for Host %s: %d to %q, want 308 to %q and the raw target", host, a.Status, got, want)
		}
	}
	if a := testkit.Ask(t, s.Web, "GET", "/.well-known/acme-challenge/token"); a.Status != 200 {
		t.Errorf("an authority's challenge gets %d, want 200", a.Status)
	}
	if a := testkit.AskFrom(t, "127.0.0.2", s.Web, "GET", "/", "X-Forwarded-Proto: https"); a.Status != 200 {
		t.Errorf("what came over https to a trusted proxy gets %d, want 200", a.Status)
	}
	if a := testkit.Ask(t, s.Web, "GET", "/", "X-Forwarded-Proto: https"); a.Status != 308 {
		t.Errorf("what says so without trust gets %d, want 308", a.Status)
	}
}

func TestAHandshakeOnAPlainPortGets400(t *testing.T) {
	t.Parallel()
	p := testkit.Start(t, shop(testkit.NewOrigin(t, "stable", nil).URL, "http://127.0.0.1:1", ""))
	_, err := tls.Dial("tcp", p.Web, &tls.Config{InsecureSkipVerify: true})
	var record tls.RecordHeaderError
	if !asRecord(err, &record) || string(record.RecordHeader[:]) != "HTTP/" {
		t.Errorf("a handshake on a plain port: %v, want an answer of HTTP at once", err)
	}
}

func TestThePROXYHeaderSaysWhoTheClientIs(t *testing.T) {
	t.Parallel()
	origin := testkit.NewOrigin(t, "stable", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-Forwarded-For"))
	})
	s := edge(t, origin.URL, ", protocols: [http1, h2c], proxyProtocol: {from: [127.0.0.1/32]}, limits: {connectionsPerIP: 1}")
	header := func(ip string) string { return "PROXY TCP4 " + ip + " 10.0.0.1 4711 80\r\n" }
	kept := map[string]*testkit.Client{}
	for _, ip := range []string{"192.0.2.7", "192.0.2.8"} {
		c := testkit.Dial(t, s.Web)
		kept[ip] = c
		c.Send(t, header(ip)+testkit.Head("GET", "/"))
		if a := c.Answer(t, "GET"); a.Body != ip {
			t.Errorf("the backend hears of %q, want %s", a.Body, ip)
		}
	}
	c := testkit.Dial(t, s.Web)
	c.Send(t, header("192.0.2.7")+testkit.Head("GET", "/"))
	if !c.Closed() {
		t.Error("a second connection of one address is kept, want it closed")
	}
	for name, sent := range map[string]string{"none": "", "malformed": "PROXY TCP4 nonsense\r\n"} {
		c := testkit.Dial(t, s.Web)
		c.Send(t, sent+testkit.Head("GET", "/"))
		if !c.Closed() {
			t.Errorf("a connection with %s header is kept, want it closed", name)
		}
	}
	stranger := testkit.DialFrom(t, "127.0.0.2", s.Web)
	stranger.Send(t, header("192.0.2.9")+testkit.Head("GET", "/"))
	if a := stranger.Answer(t, "GET"); a.Status != 400 {
		t.Errorf("a header of a peer that is none of those gets %d, want 400", a.Status)
	}
	m := s.Metrics(t)
	if got := testkit.Sum(m, "sluice_client_errors_total", `kind="proxy-protocol"`); got != 2 {
		t.Errorf("sluice_client_errors_total counts %v without a PROXY header, want 2", got)
	}
}

func asRecord(err error, to *tls.RecordHeaderError) bool {
	r, ok := err.(tls.RecordHeaderError)
	*to = r
	return ok
}
