package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/acme"

	"sluice/internal/testkit"
)

// issuance is an issuer whose authority is a function: what it says to the n-th order.
type issuance struct {
	*issuer
	orders  []time.Time
	reports []Order
	changes int
}

func newIssuance(t *testing.T, folder string, domains []string, answer func(n int) error) *issuance {
	t.Helper()
	a := testkit.NewAuthority(t)
	s := &issuance{}
	s.issuer = newIssuer(ACME{Domains: domains, Folder: folder, Report: func(o Order) { s.reports = append(s.reports, o) }}, func() { s.changes++ })
	s.order = func(_ context.Context, domain string) ([]byte, error) {
		s.orders = append(s.orders, time.Now())
		if err := answer(len(s.orders)); err != nil {
			return nil, err
		}
		return both(t, a.Issue(t, domain, time.Now().Add(24*time.Hour), domain)), nil
	}
	return s
}

// both is a key and its certificate in one text.
func both(t *testing.T, c testkit.Certificate) []byte {
	t.Helper()
	var text []byte
	for _, file := range []string{c.KeyFile, c.CertFile} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, b...)
	}
	return text
}

// gaps runs it for a while and returns how long it waited before each order.
func (s *issuance) gaps(t *testing.T, most time.Duration) (gaps []time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	last := time.Now()
	s.Run(ctx)
	for _, at := range s.orders {
		gaps, last = append(gaps, at.Sub(last).Round(time.Second)), at
	}
	return gaps
}

func TestAnOrderThatFailsIsTriedAgainEverLater(t *testing.T) {
	t.Parallel()
	limited := &acme.Error{ProblemType: "urn:ietf:params:acme:error:rateLimited", Header: map[string][]string{"Retry-After": {"7200"}}}
	for name, c := range map[string]struct {
		err  error
		want []time.Duration
	}{
		"it can't be reached": {errors.New("connection refused"), []time.Duration{0, 5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second}},
		"it refuses":          {fmt.Errorf("order: %w", &acme.AuthorizationError{}), []time.Duration{0, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute}},
		"it has had enough":   {fmt.Errorf("order: %w", limited), []time.Duration{0, 2 * time.Hour, 2 * time.Hour, 2 * time.Hour, 2 * time.Hour}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newIssuance(t, t.TempDir(), []string{"a.test"}, func(int) error { return c.err })
			gaps := s.gaps(t, 9*time.Hour)
			if len(gaps) < len(c.want) || !slices.Equal(gaps[:len(c.want)], c.want) {
				t.Errorf("%s: orders after %v, want %v", name, gaps, c.want)
			}
			if last := gaps[len(gaps)-1]; last > 2*time.Hour {
				t.Errorf("%s: the last order comes after %v, want two hours at most", name, last)
			}
			if s.changes != 0 || len(s.reports) != len(s.orders) || s.reports[0].Err == nil || !s.reports[0].NotAfter.IsZero() {
				t.Errorf("%s: %d changes, reports %+v; want none, and the failures", name, s.changes, s.reports)
			}
		})
	}
}

func TestACertificateIsRenewedWhenAThirdOfItsLifeIsLeftAndStaysMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newIssuance(t, t.TempDir(), []string{"a.test"}, func(n int) error {
			if n == 2 {
				return errors.New("connection refused")
			}
			return nil
		})
		gaps := s.gaps(t, 20*time.Hour)
		if len(gaps) != 3 || gaps[1] > 16*time.Hour || gaps[1] < 15*time.Hour+11*time.Minute || gaps[2] != 5*time.Second {
			t.Errorf("orders after %v, want one at once, one up to 48 minutes before 16h, one 5s later", gaps)
		}
		if len(s.reports) != 3 {
			t.Fatalf("reports %+v, want 3", s.reports)
		}
		if r := s.reports[1]; r.Err == nil || !r.NotAfter.Equal(s.reports[0].NotAfter) {
			t.Errorf("the failed renewal is reported as %+v, want an error and the end of the certificate that stays", r)
		}
		if r := s.reports[2]; r.Err != nil || !r.NotAfter.After(s.reports[0].NotAfter) || s.changes != 2 {
			t.Errorf("the renewal is reported as %+v, after %d changes; want a later end and 2", r, s.changes)
		}
	})
}

func TestAnotherProcessUsesWhatIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "acme")
		good := func(int) error { return nil }
		newIssuance(t, folder, []string{"a.test", "b.test"}, good).gaps(t, time.Hour)
		again := newIssuance(t, folder, []string{"a.test", "b.test"}, good)
		if gaps := again.gaps(t, time.Hour); len(gaps) != 0 {
			t.Errorf("orders after %v, want none while the certificates are good", gaps)
		}
		if all, files := again.certificates(); len(all) != 2 || files[1] != filepath.Join(folder, "b.test.pem") {
			t.Errorf("%d certificates of %v, want those of a and b", len(all), files)
		}
		for i, spoil := range []func(path string) error{
			os.Remove,
			func(path string) error { return os.WriteFile(path, []byte("no PEM"), 0o600) },
			func(path string) error { return os.Rename(filepath.Join(folder, "b.test.pem"), path) },
		} {
			if err := spoil(filepath.Join(folder, "a.test.pem")); err != nil {
				t.Fatal(err)
			}
			s := newIssuance(t, folder, []string{"a.test"}, good)
			if len(s.reports) != min(i, 1) {
				t.Errorf("spoiled way %d: reports %+v at the start, want one of what is no certificate of the name", i, s.reports)
			}
			if gaps := s.gaps(t, time.Hour); len(gaps) != 1 {
				t.Errorf("spoiled way %d: orders after %v, want one at once", i, gaps)
			}
		}
	})
}

func TestWhatCannotBeKeptIsUsedAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s := newIssuance(t, filepath.Join(file, "acme"), []string{"a.test"}, func(int) error { return nil })
		s.gaps(t, time.Hour)
		last := s.reports[len(s.reports)-1]
		if last.Err != nil || last.Vault == nil || !strings.Contains(last.Vault.Error(), "state.dir") || s.changes != 1 {
			t.Errorf("%d changes, the last report %+v; want the certificate in force, and what is wrong with the folder", s.changes, last)
		}
	})
}

func TestACertificateOfAnotherNameIsNotTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newIssuance(t, t.TempDir(), []string{"a.test"}, nil)
		a := testkit.NewAuthority(t)
		s.order = func(context.Context, string) ([]byte, error) {
			return both(t, a.Issue(t, "b.test", time.Now().Add(time.Hour), "b.test")), nil
		}
		s.gaps(t, time.Second)
		if s.changes != 0 || len(s.reports) != 1 || s.reports[0].Err == nil {
			t.Errorf("%d changes, reports %+v; want none and an error", s.changes, s.reports)
		}
	})
}

// proven is a listener's TLS that gets a certificate for a.test and shows a proof of it, of clients that show one.
func proven(t *testing.T) *TLS {
	t.Helper()
	a := testkit.NewAuthority(t)
	s, err := New(Options{
		ClientCAFile: a.File, MinVersion: tls.VersionTLS12, Protocols: []string{"h2", "http/1.1"},
		ACME: &ACME{Domains: []string{"a.test"}, Folder: t.TempDir(), Report: func(Order) {}},
	}, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	c := a.Issue(t, "proof", time.Now().Add(time.Hour), "a.test")
	proof, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	s.issuer.prove("a.test", &proof)
	return s
}

func TestAProofIsShownToWhoAsksForNothingElse(t *testing.T) {
	t.Parallel()
	s := proven(t)
	for _, c := range []struct {
		name      string
		protocols []string
		want      string
	}{
		{"a.test", []string{ProofProtocol}, "proof"},
		{"A.test", []string{ProofProtocol}, "proof"},
		{"b.test", []string{ProofProtocol}, "unrecognized name"},
		{"a.test", []string{"h2", ProofProtocol}, "unrecognized name"},
		{"a.test", nil, "unrecognized name"},
	} {
		got, err := shake(t, s.Config(), &tls.Config{ServerName: c.name, NextProtos: c.protocols, InsecureSkipVerify: true})
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("a client that speaks %v asks for %s and gets %q, want %q", c.protocols, c.name, got, c.want)
		}
	}
	s.issuer.prove("a.test", nil)
	if got, err := shake(t, s.Config(), &tls.Config{ServerName: "a.test", NextProtos: []string{ProofProtocol}, InsecureSkipVerify: true}); err == nil {
		t.Errorf("a proof that was taken back is shown: %s", got)
	}
}

func TestIssuedCertificatesStandBesideThoseOfFiles(t *testing.T) {
	t.Parallel()
	a := testkit.NewAuthority(t)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a.test.pem"), both(t, a.Issue(t, "issued", time.Now().Add(time.Hour), "a.test")), 0o600); err != nil {
		t.Fatal(err)
	}
	files := a.Issue(t, "file", time.Now().Add(time.Hour), "b.test")
	for _, c := range []struct {
		pairs []Pair
		want  map[string]string
	}{
		{nil, map[string]string{"a.test": "issued", "": "issued", "b.test": "unrecognized name"}},
		{[]Pair{Pair(files)}, map[string]string{"a.test": "issued", "": "file", "b.test": "file", "c.test": "unrecognized name"}},
	} {
		s, err := New(Options{Certificates: c.pairs, MinVersion: tls.VersionTLS12, ACME: &ACME{Domains: []string{"a.test"}, Folder: folder}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range c.want {
			got, err := shake(t, s.Config(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, want) {
				t.Errorf("with %d certificates of files the handshake for %q gives %q, want %q", len(c.pairs), name, got, want)
			}
		}
		if n := len(s.Expiries()); n != len(c.pairs)+1 {
			t.Errorf("%d ends are told, want those of all certificates", n)
		}
	}
}
