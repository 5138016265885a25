package listener

import (
	"crypto/tls"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"sluice/internal/testkit"
)

// secured is a listener's TLS with certificates that the authority has signed, one for each list of names.
func secured(t *testing.T, a *testkit.Authority, names ...[]string) (*TLS, []testkit.Certificate, chan error) {
	t.Helper()
	var pairs []Pair
	var files []testkit.Certificate
	for i, hosts := range names {
		c := a.Issue(t, "cert"+string(rune('a'+i)), time.Now().Add(time.Hour), hosts...)
		files = append(files, c)
		pairs = append(pairs, Pair(c))
	}
	reports := make(chan error, 8)
	s, err := New(Options{Certificates: pairs, MinVersion: tls.VersionTLS12}, func(err error) { reports <- err })
	if err != nil {
		t.Fatal(err)
	}
	return s, files, reports
}

// shake makes a handshake and returns the name that the certificate is for, or why there was none.
func shake(t *testing.T, server *tls.Config, client *tls.Config) (string, error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	go func() { _ = tls.Server(far, server).Handshake() }()
	c := tls.Client(near, client)
	if err := c.Handshake(); err != nil {
		return "", err
	}
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

func TestTheCertificateIsTheOneForTheNameThatIsAskedFor(t *testing.T) {
	t.Parallel()
	a := testkit.NewAuthority(t)
	s, _, _ := secured(t, a, []string{"a.test", "127.0.0.1"}, []string{"*.b.test", "x.a.test"})
	for name, want := range map[string]string{
		"a.test": "certa", "A.Test": "certa", "x.b.test": "certb", "x.a.test": "certb", "": "certa",
		"b.test": "unrecognized", "y.x.b.test": "unrecognized", "c.test": "unrecognized",
	} {
		got, err := shake(t, s.Config(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("the handshake for %q gives %q, want %q", name, got, want)
		}
	}
}

func TestASingleCertificateIsForEverybody(t *testing.T) {
	t.Parallel()
	s, _, _ := secured(t, testkit.NewAuthority(t), []string{"a.test"})
	if got, err := shake(t, s.Config(), &tls.Config{ServerName: "other.test", InsecureSkipVerify: true}); got != "certa" {
		t.Errorf("the handshake for another name gives %q, %v; want the only certificate there is", got, err)
	}
}

func TestAChangedPairIsTakenUpAndABrokenOneIsNot(t *testing.T) {
	t.Parallel()
	a := testkit.NewAuthority(t)
	s, files, reports := secured(t, a, []string{"a.test"})
	before := s.Config()
	s.Look()
	if s.Config() != before {
		t.Error("unchanged files are another configuration")
	}
	// A new certificate without its key, as between two writes.
	key, err := os.ReadFile(files[0].KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	a.Issue(t, "certa", time.Now().Add(2*time.Hour), "a.test")
	fresh, err := os.ReadFile(files[0].KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(files[0].KeyFile, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(key)
	s.Look()
	if err := <-reports; err == nil || !strings.Contains(err.Error(), files[0].CertFile) || s.Config() != before {
		t.Errorf("a pair that does not match: %v, another configuration: %v; want an error that names the file, and the one before", err, s.Config() != before)
	}
	s.Look()
	if len(reports) != 0 {
		t.Error("the same files are reported again")
	}
	write(fresh)
	s.Look()
	if err := <-reports; err != nil || s.Config() == before {
		t.Errorf("a pair that matches: %v, another configuration: %v; want none, true", err, s.Config() != before)
	}
	if time.Until(s.Expiries()[0].NotAfter) < time.Hour {
		t.Errorf("expiry %v, want that of the new one", s.Expiries())
	}
}

func TestWhatCannotBeUsedIsNamed(t *testing.T) {
	t.Parallel()
	a := testkit.NewAuthority(t)
	good := Pair(a.Issue(t, "good", time.Now().Add(time.Hour), "a.test"))
	old := Pair(a.Issue(t, "old", time.Now().Add(-time.Hour), "a.test"))
	early := Pair(a.Issue(t, "early", time.Now().Add(48*time.Hour), "a.test"))
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"expired":         {Options{Certificates: []Pair{good, old}}, "old.crt expired on"},
		"not yet good":    {Options{Certificates: []Pair{early}}, "early.crt is good from"},
		"no file":         {Options{Certificates: []Pair{{good.CertFile, "/none.key"}}}, "/none.key"},
		"no pair":         {Options{Certificates: []Pair{{good.CertFile, old.KeyFile}}}, "does not match"},
		"no authority":    {Options{Certificates: []Pair{good}, ClientCAFile: good.KeyFile}, "good.key holds no certificate"},
		"authority, none": {Options{Certificates: []Pair{good}, ClientCAFile: "/none.pem"}, "/none.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := New(c.options, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestAClientShowsACertificateWhereOneIsAskedFor(t *testing.T) {
	t.Parallel()
	a, stranger := testkit.NewAuthority(t), testkit.NewAuthority(t)
	s, err := New(Options{
		Certificates: []Pair{Pair(a.Issue(t, "server", time.Now().Add(time.Hour), "a.test"))}, ClientCAFile: a.File, MinVersion: tls.VersionTLS12,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		pair *testkit.Certificate
		ok   bool
	}{
		"none":       {nil, false},
		"ours":       {new(a.Issue(t, "client", time.Now().Add(time.Hour))), true},
		"another's":  {new(stranger.Issue(t, "client", time.Now().Add(time.Hour))), false},
		"an old one": {new(a.Issue(t, "late", time.Now().Add(-time.Hour))), false},
	} {
		client := &tls.Config{ServerName: "a.test", RootCAs: a.Pool, MaxVersion: tls.VersionTLS12} // in 1.3 a refusal comes after the handshake
		if c.pair != nil {
			pair, err := tls.LoadX509KeyPair(c.pair.CertFile, c.pair.KeyFile)
			if err != nil {
				t.Fatal(err)
			}
			client.Certificates = []tls.Certificate{pair}
			client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		if _, err := shake(t, s.Config(), client); (err == nil) != c.ok {
			t.Errorf("a client that shows %s: %v; want success %v", name, err, c.ok)
		}
	}
}
