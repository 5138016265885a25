package listener

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Pair is a certificate and its key, PEM files.
type Pair struct{ CertFile, KeyFile string }

// Options are what a listener's TLS is made of.
type Options struct {
	// Certificates in the file's order; the first serves clients that ask for no name.
	Certificates []Pair
	// ClientCAFile holds the authorities of which every client must show a certificate; "" asks for none.
	ClientCAFile string
	// MinVersion is tls.VersionTLS12 or tls.VersionTLS13.
	MinVersion uint16
	// Protocols for ALPN, the preferred one first.
	Protocols []string
	// ACME gets further certificates from an authority; nil gets none.
	ACME *ACME
}

// TLS is a listener's side of the handshake. It follows its files: what can't be used is reported, and the one before stays.
type TLS struct {
	options Options
	report  func(error) // told once of each change that can't be used, with nil of each that can
	config  atomic.Pointer[tls.Config]
	expires atomic.Pointer[[]Expiry]

	issuer *issuer // nil without ACME

	mu        sync.Mutex // one change at a time; guards what follows
	used      string     // the files that were looked at last, as stamp tells them
	files     *certificates
	clientCAs *x509.CertPool // nil where clients show no certificate
}

// Expiry is until when a certificate is good.
type Expiry struct {
	File     string
	NotAfter time.Time
}

// New reads the files, and the certificates that ACME has kept. report is told of what Run finds.
func New(o Options, report func(error)) (*TLS, error) {
	t := &TLS{options: o, report: report, used: o.stamp()}
	if o.ACME != nil {
		t.issuer = newIssuer(*o.ACME, t.issued)
	}
	if err := t.load(); err != nil {
		return nil, err
	}
	return t, nil
}

// Config is what a handshake that begins now goes by; it must not be changed.
func (t *TLS) Config() *tls.Config { return t.config.Load() }

// Expiries are until when the certificates in force are good.
func (t *TLS) Expiries() []Expiry { return *t.expires.Load() }

// lookEvery is how often Run looks at the files.
const lookEvery = 500 * time.Millisecond

// Run looks whether the files have changed, and gets certificates from an authority, until ctx ends. A change is taken up when two looks have found the same, so that who writes a
// certificate first and its key a moment later is not caught between the two.
func (t *TLS) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var issuing sync.WaitGroup
	defer issuing.Wait()
	if t.issuer != nil {
		issuing.Go(func() { t.issuer.Run(ctx) })
	}
	for last := ""; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := t.options.stamp()
		if now == last {
			t.look(now)
		}
		last = now
	}
}

// Look takes changed files up at once, and asks the authority again for what it refused before.
func (t *TLS) Look() {
	t.look(t.options.stamp())
	if t.issuer != nil {
		t.issuer.retry()
	}
}

func (t *TLS) look(stamp string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if stamp == t.used {
		return
	}
	t.used = stamp
	err := t.load()
	if err != nil {
		err = fmt.Errorf("a changed certificate can't be used; the one before stays in force: %w", err)
	}
	t.report(err)
}

// load reads the files.
func (t *TLS) load() error {
	list, err := readCertificates(t.options.Certificates, time.Now())
	if err != nil {
		return err
	}
	var clients *x509.CertPool
	if file := t.options.ClientCAFile; file != "" {
		if clients, err = ReadAuthorities(file); err != nil {
			return err
		}
	}
	t.files, t.clientCAs = list, clients
	t.publish()
	return nil
}

// issued takes up what an authority has issued.
func (t *TLS) issued() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.publish()
}

// publish makes the configuration of a handshake anew: session tickets of the one before, perhaps of clients that are no longer let in, are
// void with it.
func (t *TLS) publish() {
	c := &tls.Config{MinVersion: t.options.MinVersion, NextProtos: t.options.Protocols}
	if t.clientCAs != nil {
		c.ClientCAs, c.ClientAuth = t.clientCAs, tls.RequireAndVerifyClientCert
	}
	var expires []Expiry
	for i, p := range t.options.Certificates {
		expires = append(expires, Expiry{p.CertFile, t.files.all[i].Leaf.NotAfter})
	}
	list := t.files
	if t.issuer != nil {
		issued, files := t.issuer.certificates()
		list = list.with(issued)
		c.GetConfigForClient = t.issuer.proof
		for i, file := range files {
			expires = append(expires, Expiry{file, issued[i].Leaf.NotAfter})
		}
	}
	c.GetCertificate = list.choose
	t.expires.Store(&expires)
	t.config.Store(c)
}

// ReadAuthorities reads a PEM file of certificates.
func ReadAuthorities(file string) (*x509.CertPool, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(src) {
		return nil, fmt.Errorf("%s holds no certificate in PEM; name the file of the authority that signs the clients' certificates", file)
	}
	return pool, nil
}

// stamp tells one state of the files from another. It opens none: a link that leads elsewhere, a new file under the old name, a new time
// and a new size all change it.
func (o *Options) stamp() string {
	var all string
	add := func(file string) {
		info, err := os.Stat(file)
		if err != nil {
			all += errors.Unwrap(err).Error() + "\n"
			return
		}
		all += fmt.Sprintln(info.ModTime().UnixNano(), info.Size(), inode(info))
	}
	for _, p := range o.Certificates {
		add(p.CertFile)
		add(p.KeyFile)
	}
	if o.ClientCAFile != "" {
		add(o.ClientCAFile)
	}
	return all
}
