package listener

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
)

// certificates are those of a listener, by the names they are for.
type certificates struct {
	all    []*tls.Certificate
	byName map[string]*tls.Certificate // lower case; "*.example.com" for one label before
	listed bool                        // a name that none of them has gets none, even of a single one
}

func (l *certificates) add(c *tls.Certificate) {
	l.all = append(l.all, c)
	for _, name := range names(c.Leaf) {
		if l.byName[name] == nil { // the first of the file wins
			l.byName[name] = c
		}
	}
}

// with are these and those that an authority has issued; the names that may have one are listed then.
func (l *certificates) with(issued []*tls.Certificate) *certificates {
	out := &certificates{byName: map[string]*tls.Certificate{}, listed: true}
	for _, c := range slices.Concat(l.all, issued) {
		out.add(c)
	}
	return out
}

// readCertificates reads the pairs; the error names the file, and what is wrong with it.
func readCertificates(pairs []Pair, now time.Time) (*certificates, error) {
	list := &certificates{byName: map[string]*tls.Certificate{}}
	for _, p := range pairs {
		c, err := ReadPair(p, now)
		if err != nil {
			return nil, err
		}
		list.add(c)
	}
	return list, nil
}

// ReadPair reads a certificate that is good now, and its key.
func ReadPair(p Pair, now time.Time) (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(p.CertFile, p.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %s", p.CertFile, p.KeyFile, strings.TrimPrefix(err.Error(), "tls: "))
	}
	const day = "2006-01-02 15:04 MST"
	switch leaf := c.Leaf; {
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("certificate %s expired on %s; renew it", p.CertFile, leaf.NotAfter.Format(day))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("certificate %s is good from %s on; check this machine's clock", p.CertFile, leaf.NotBefore.Format(day))
	}
	return &c, nil
}

// names are what a certificate is for; the common name counts where there is nothing else, as it did for long.
func names(leaf *x509.Certificate) []string {
	var out []string
	for _, n := range leaf.DNSNames {
		out = append(out, strings.ToLower(n))
	}
	if len(out) == 0 && leaf.Subject.CommonName != "" {
		out = append(out, strings.ToLower(leaf.Subject.CommonName))
	}
	return out
}

// choose is the certificate for a client: the one whose name it asks for, exactly or by a wildcard in place of the first label. Who asks
// for none gets the first. Where several stand to choose from and none fits, there is none, and the client is told unrecognized_name (RFC
// 6066, section 3): another's certificate would only make it say that somebody listens in. A single one of a file is shown to everybody.
func (l *certificates) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	switch {
	case len(l.all) == 0:
		return nil, nil
	case name == "", len(l.all) == 1 && !l.listed:
		return l.all[0], nil
	}
	if c := l.byName[name]; c != nil {
		return c, nil
	}
	if _, domain, ok := strings.Cut(name, "."); ok {
		return l.byName["*."+domain], nil
	}
	return nil, nil
}
