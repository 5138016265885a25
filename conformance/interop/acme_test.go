package interop

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/testkit"
)

// authority is Pebble, Let's Encrypt's authority for tests: it looks for every name at one address, for those that begin with "gone"
// nowhere, and for those that begin with "held" not before it may.
type authority struct {
	*testkit.Process
	ca       *testkit.Authority // of its own server
	address  string
	roots    string // where it tells its root's certificate
	settings string
	names    string // a name server's address
	held     chan struct{}
	program  string
}

// newAuthority makes one that looks for names at that address, and starts nothing. lifetime is that of its certificates.
func newAuthority(t *testing.T, listener string, lifetime time.Duration) *authority {
	t.Helper()
	a := &authority{
		program: peer(t, "pebble"), ca: testkit.NewAuthority(t), address: testkit.FreeAddress(t), roots: testkit.FreeAddress(t),
		settings: filepath.Join(t.TempDir(), "pebble.json"), held: make(chan struct{}),
	}
	a.names = nameServer(t, a.held)
	_, port, err := net.SplitHostPort(listener)
	if err != nil {
		t.Fatal(err)
	}
	own := a.ca.Issue(t, "pebble", time.Now().Add(time.Hour), "127.0.0.1")
	text, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": a.address, "managementListenAddress": a.roots, "certificate": own.CertFile, "privateKey": own.KeyFile,
		"tlsPort": json.Number(port), "httpPort": 1, "keyAlgorithm": "ecdsa",
		"profiles": map[string]any{"default": map[string]any{"description": "the only one", "validityPeriod": int(lifetime.Seconds())}},
	}})
	if err == nil {
		err = os.WriteFile(a.settings, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) start(t *testing.T) {
	t.Helper()
	a.Process = testkit.Child(t, "/usr/bin/env", "PEBBLE_VA_NOSLEEP=1", a.program, "-config", a.settings, "-dnsserver", a.names)
	testkit.AwaitListening(t, a.roots)
	testkit.AwaitListening(t, a.address)
}

// pool has the root's certificate, which is another after each start.
func (a *authority) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.ca.Pool}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: testkit.Patience}).Get("https://" + a.roots + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatalf("the root's certificate: %q, %v", text, err)
	}
	return pool
}

// nameServer says that every name is this machine, but for those that begin with "gone", which do not exist; of those that begin with
// "held" it says nothing until the channel is closed. Pebble asks over TCP, where each message has its length before it (RFC 1035, section
// 4.2.2).
func nameServer(t *testing.T, held <-chan struct{}) string {
	t.Helper()
	return strings.TrimPrefix(testkit.NewRawOrigin(t, func(c *testkit.RawConn) {
		for {
			var length [2]byte
			if _, err := io.ReadFull(c.In, length[:]); err != nil {
				return
			}
			question := make([]byte, binary.BigEndian.Uint16(length[:]))
			if _, err := io.ReadFull(c.In, question); err != nil || len(question) < 18 {
				return
			}
			if strings.HasPrefix(string(question[13:]), "held") {
				<-held
			}
			answer := resolve(question)
			c.Say(string(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)))
		}
	}), "http://")
}

// resolve is the response to a question (RFC 1035, section 4).
func resolve(question []byte) []byte {
	end := 12
	for end < len(question) && question[end] != 0 {
		end += 1 + int(question[end])
	}
	end += 5
	if end > len(question) {
		return nil
	}
	out := append([]byte(nil), question[:end]...)
	out[2], out[3] = 0x84, 0x80
	clear(out[6:12])
	switch {
	case strings.HasPrefix(string(question[13:]), "gone"):
		out[3] |= 3 // there is no such name
	case question[end-3] == 1: // an address
		out[7] = 1
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1)
	}
	return out
}

// certified is a proxy with a listener that has a certificate of a file, for file.test, and gets others.
type certified struct {
	*testkit.Proxy
	secure string
	origin *testkit.Origin
	own    *testkit.Authority
	pair   testkit.Certificate
}

func newCertified(t *testing.T) *certified {
	t.Helper()
	c := &certified{Proxy: testkit.Prepare(t, ""), secure: testkit.FreeAddress(t), origin: testkit.NewOrigin(t, "stable", nil), own: testkit.NewAuthority(t)}
	c.pair = c.own.Issue(t, "file", time.Now().Add(time.Hour), "file.test")
	return c
}

// configure writes a configuration whose listener gets certificates for these names; more is further keys of its tls.
func (c *certified) configure(t *testing.T, a *authority, names, more string) {
	t.Helper()
	c.WriteWhole(t, fmt.Sprintf("version: 1\nlisteners:\n  - name: secure\n    address: %q\n    tls:\n"+
		"      certificates: [{certFile: %q, keyFile: %q}]\n      acme: {domains: [%s], email: ops@example.com, directory: \"https://%s/dir\"}\n%s"+
		"admin: {address: %q}\nstate: {dir: %q}\nroutes:\n  - {name: shop, backends: {stable: {endpoints: [%q]}}}\n",
		c.secure, c.pair.CertFile, c.pair.KeyFile, names, a.address, more, c.Admin, c.StateDir, c.origin.URL))
}

func (c *certified) run(t *testing.T, a *authority) {
	t.Helper()
	c.RunUnder(t, []string{"SSL_CERT_FILE=" + a.ca.File})
	c.AwaitReady(t)
}

// serial is that of the certificate which a client that asks for the name is shown.
func (c *certified) serial(name string) (string, error) {
	conn, err := tls.Dial("tcp", c.secure, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	leaf := conn.ConnectionState().PeerCertificates[0]
	return leaf.SerialNumber.String(), leaf.VerifyHostname(name)
}

func (c *certified) awaitSerial(t *testing.T, name, not string) (serial string) {
	t.Helper()
	testkit.Until(t, 2*testkit.Patience, "a certificate for "+name, func() (bool, any) {
		var err error
		serial, err = c.serial(name)
		return err == nil && serial != not, err
	})
	return serial
}

// get asks for a page of the name in one version of HTTP.
func (c *certified) get(name string, pool *x509.CertPool, http2 bool) (string, error) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{ServerName: name, RootCAs: pool}, Protocols: new(http.Protocols)}
	defer transport.CloseIdleConnections()
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetHTTP2(http2)
	resp, err := (&http.Client{Transport: transport, Timeout: testkit.Patience}).Get("https://" + c.secure + "/")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return fmt.Sprint(resp.Proto, " ", resp.StatusCode), err
}

func TestCertificatesAreGotKeptAndServed(t *testing.T) {
	t.Parallel()
	c := newCertified(t)
	a := newAuthority(t, c.secure, 90*24*time.Hour)
	c.configure(t, a, "shop.example.com, gone.example.com, www.example.com", "")
	c.run(t, a)
	// The authority can't be reached: the proxy runs, says so, and serves what it has.
	orders := func(result string) float64 {
		return testkit.Sum(c.Metrics(t), "sluice_tls_orders_total", `result="`+result+`"`)
	}
	testkit.Until(t, testkit.Patience, "failures of all three", func() (bool, any) { n := orders("failure"); return n >= 3, n })
	if log := c.Stderr(); !strings.Contains(log, "no certificate was issued") || !strings.Contains(log, a.address) || !strings.Contains(log, "shop.example.com") {
		t.Errorf("the log says nothing of the authority, or the name: %s", log)
	}
	if _, err := c.serial("shop.example.com"); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("before there is a certificate: %v, want unrecognized name", err)
	}
	if got, err := c.get("file.test", c.own.Pool, true); got != "HTTP/2.0 200" {
		t.Errorf("the name of the file's certificate: %s, %v; want 200", got, err)
	}

	a.start(t)
	if code, body := c.Post(t, "/api/v1/reload", struct{}{}); code != 200 {
		t.Fatalf("reload: %d %s", code, body)
	}
	serials := map[string]string{}
	for _, name := range []string{"shop.example.com", "www.example.com"} {
		serials[name] = c.awaitSerial(t, name, "")
		for _, http2 := range []bool{false, true} {
			want := map[bool]string{false: "HTTP/1.1 200", true: "HTTP/2.0 200"}[http2]
			if got, err := c.get(name, a.pool(t), http2); got != want {
				t.Errorf("%s: %q, %v; want %s with a certificate of the authority", name, got, err, want)
			}
		}
	}
	for _, name := range []string{"other.example.com", "gone.example.com"} {
		if _, err := c.serial(name); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("%s: %v, want unrecognized name", name, err)
		}
	}
	testkit.Until(t, testkit.Patience, "the name that does not exist in the log", func() (bool, any) {
		return strings.Contains(c.Stderr(), "port 443 of gone.example.com"), c.Stderr()
	})
	if n := orders("success"); n != 2 {
		t.Errorf("%v orders are counted good, want 2", n)
	}
	if at := testkit.Sum(c.Metrics(t), "sluice_tls_certificate_not_after_seconds", `listener="secure"`); at < 3*float64(time.Now().Unix()) {
		t.Errorf("the ends of three certificates sum up to %v", at)
	}
	c.private(t)

	// What is kept is used: after a reload that changes the listener, and by another process, without the authority.
	a.Kill()
	c.configure(t, a, "shop.example.com, www.example.com", "      minVersion: \"1.3\"\n")
	if code, body := c.Post(t, "/api/v1/reload", struct{}{}); code != 200 {
		t.Fatalf("reload: %d %s", code, body)
	}
	for _, when := range []string{"a reload", "a restart"} {
		for name, want := range serials {
			if got := c.awaitSerial(t, name, ""); got != want {
				t.Errorf("after %s the certificate of %s is number %s, want %s as before", when, name, got, want)
			}
		}
		if when == "a reload" {
			c.Kill()
			c.run(t, a)
		}
	}
	if n := orders("failure") + orders("success"); n != 0 {
		t.Errorf("another process orders %v times, want no order while the certificates are good", n)
	}
}

// private checks that nobody else may read what is kept.
func (c *certified) private(t *testing.T) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(c.StateDir, "acme"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, want nothing for others", path, info.Mode())
		}
		if !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil || n != 3 {
		t.Errorf("%d files are kept, %v; want the account's key and two certificates", n, err)
	}
}

func TestCertificatesAreRenewedAndStayWhereTheyCannotBe(t *testing.T) {
	t.Parallel()
	c := newCertified(t)
	const lifetime = 9 * time.Second
	a := newAuthority(t, c.secure, lifetime)
	c.configure(t, a, "shop.example.com", "")
	a.start(t)
	c.run(t, a)
	first := c.awaitSerial(t, "shop.example.com", "")
	pool := a.pool(t)
	second := ""
	testkit.Until(t, lifetime+testkit.Patience, "the renewal", func() (bool, any) {
		if got, err := c.get("shop.example.com", pool, true); got != "HTTP/2.0 200" {
			t.Fatalf("while the certificate is renewed: %s, %v", got, err)
		}
		var err error
		second, err = c.serial("shop.example.com")
		return second != first, err
	})
	a.Kill()
	testkit.Until(t, lifetime+testkit.Patience, "a renewal that fails", func() (bool, any) {
		return strings.Contains(c.Stderr(), "the certificate was not renewed; the one before stays in force"), c.Stderr()
	})
	if got, err := c.serial("shop.example.com"); got != second {
		t.Errorf("then the certificate is number %s, %v; want %s as before", got, err, second)
	}
	// The authority that comes back knows nothing of the account.
	a.start(t)
	c.awaitSerial(t, "shop.example.com", second)
}

func TestNoRequestFollowsTheHandshakeOfAProof(t *testing.T) {
	t.Parallel()
	c := newCertified(t)
	a := newAuthority(t, c.secure, time.Hour)
	t.Cleanup(func() { close(a.held) })
	a.start(t)
	c.configure(t, a, "held.example.com", "")
	c.run(t, a)
	var conn *tls.Conn
	testkit.Until(t, testkit.Patience, "the proof", func() (bool, any) {
		var err error
		conn, err = tls.Dial("tcp", c.secure, &tls.Config{ServerName: "held.example.com", NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
		return err == nil, err
	})
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
	_, _ = io.WriteString(conn, testkit.Head("GET", "/"))
	if n, err := conn.Read(make([]byte, 1)); n > 0 || os.IsTimeout(err) {
		t.Errorf("after it: %d bytes, %v; want the connection's end", n, err)
	}
	if n := c.origin.Count(); n != 0 {
		t.Errorf("the backend gets %d requests, want none", n)
	}
}
