package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
)

// ACME is how a listener gets certificates by itself: from an authority that looks for proof in a handshake (RFC 8555, RFC 8737).
type ACME struct {
	// Domains get a certificate each, lower case; a name that is not among them gets none.
	Domains []string
	// Email is whom the authority writes to; "" is nobody. Directory is its URL.
	Email, Directory string
	// Folder keeps the account's key and the certificates; it is made when missing.
	Folder string
	// Report is told of every order.
	Report func(Order)
}

// Order is what became of asking for a certificate.
type Order struct {
	Domain string
	// Err is why none was issued. Vault is what is wrong with the folder meanwhile, or at the start, when nothing was asked for yet.
	Err, Vault error
	NotAfter   time.Time // of the certificate in force; zero is none
	Next       time.Time // when it is asked for again; zero at the start
}

// ProofProtocol is what an authority that looks for proof speaks instead of HTTP: nothing follows its handshake.
const ProofProtocol = acme.ALPNProto

// issuer gets certificates and renews them.
type issuer struct {
	ACME
	vault vault
	// order asks the authority for a certificate: PEM, key and chain.
	order   func(ctx context.Context, domain string) ([]byte, error)
	changed func() // another certificate is in force
	nudge   chan struct{}

	mu       sync.Mutex // guards what follows; Run alone writes it
	holdings []*holding
	proofs   map[string]*tls.Certificate
}

// holding is what there is for a domain.
type holding struct {
	domain string
	cert   *tls.Certificate // nil is none
	due    time.Time        // when it is asked for
	failed int              // in a row
}

func newIssuer(a ACME, changed func()) *issuer {
	i := &issuer{ACME: a, vault: vault{a.Folder}, changed: changed, nudge: make(chan struct{}, 1), proofs: map[string]*tls.Certificate{}}
	i.order = (&client{issuer: i}).order
	for _, d := range a.Domains {
		h := &holding{domain: d}
		if c, err := i.vault.certificate(d); err == nil {
			h.cert, h.due = c, renewal(c)
		} else if !errors.Is(err, errNone) {
			i.Report(Order{Domain: d, Vault: err})
		}
		i.holdings = append(i.holdings, h)
	}
	return i
}

// renewal is when a third of a certificate's life is left, and a little earlier, so that not all of a start are renewed at one moment.
func renewal(c *tls.Certificate) time.Time {
	life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)
	return c.Leaf.NotAfter.Add(-life/3 - rand.N(life/30+1))
}

// Run asks for what is missing or ends soon, one domain at a time, until ctx ends.
func (i *issuer) Run(ctx context.Context) {
	for {
		h := i.first()
		timer := time.NewTimer(time.Until(h.due))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-i.nudge:
			timer.Stop()
			for _, h := range i.holdings {
				if h.failed > 0 {
					h.due = time.Now()
				}
			}
		case <-timer.C:
			i.renew(ctx, h)
		}
	}
}

func (i *issuer) first() *holding {
	first := i.holdings[0]
	for _, h := range i.holdings {
		if h.due.Before(first.due) {
			first = h
		}
	}
	return first
}

// retry makes Run try again at once what has failed.
func (i *issuer) retry() {
	select {
	case i.nudge <- struct{}{}:
	default:
	}
}

// patience is how long an order may take.
const patience = 5 * time.Minute

func (i *issuer) renew(ctx context.Context, h *holding) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := i.order(limited, h.domain)
	var c *tls.Certificate
	if err == nil {
		c, err = parseIssued(text, h.domain)
	}
	if err != nil {
		if ctx.Err() != nil {
			return
		}
		h.failed++
		h.due = time.Now().Add(pause(h.failed, err))
		i.Report(Order{Domain: h.domain, Err: err, NotAfter: h.end(), Next: h.due})
		return
	}
	err = i.vault.keep(h.domain+".pem", text)
	i.mu.Lock()
	h.cert, h.due, h.failed = c, renewal(c), 0
	i.mu.Unlock()
	i.changed()
	i.Report(Order{Domain: h.domain, Vault: err, NotAfter: h.end(), Next: h.due})
}

func (h *holding) end() time.Time {
	if h.cert == nil {
		return time.Time{}
	}
	return h.cert.Leaf.NotAfter
}

const (
	// What can't be reached is soon tried again. Refusals are counted by authorities: Let's Encrypt takes five an hour for a name.
	firstPause, firstPauseRefused = 5 * time.Second, time.Minute
	lastPause                     = time.Hour
)

// pause is how long to wait after so many failures in a row.
func pause(failed int, err error) time.Duration {
	first := firstPause
	var refused *acme.Error
	var unproved *acme.AuthorizationError
	if errors.As(err, &refused) || errors.As(err, &unproved) {
		first = firstPauseRefused
	}
	d := min(first<<min(failed-1, 10), lastPause)
	if refused != nil {
		if wish, limited := acme.RateLimit(refused); limited {
			d = max(d, min(wish, 24*time.Hour))
		}
	}
	return d
}

// certificates are those that there are, in the order of the domains.
func (i *issuer) certificates() (all []*tls.Certificate, files []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, h := range i.holdings {
		if h.cert != nil {
			all, files = append(all, h.cert), append(files, i.vault.path(h.domain+".pem"))
		}
	}
	return all, files
}

// prove shows the authority a proof of the domain, until it is taken back with nil.
func (i *issuer) prove(domain string, proof *tls.Certificate) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if proof == nil {
		delete(i.proofs, domain)
		return
	}
	i.proofs[domain] = proof
}

// proof is the configuration of a handshake in which an authority looks for one; nil in any other.
func (i *issuer) proof(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if len(hello.SupportedProtos) != 1 || hello.SupportedProtos[0] != ProofProtocol {
		return nil, nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{ProofProtocol}, SessionTicketsDisabled: true,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			i.mu.Lock()
			defer i.mu.Unlock()
			return i.proofs[strings.ToLower(hello.ServerName)], nil
		},
	}, nil
}
