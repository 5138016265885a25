package listener

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/crypto/acme"
)

// client speaks to an authority. It has one user, Run.
type client struct {
	*issuer
	acme *acme.Client // with an account; nil before, and after a failure: the authority may have forgotten it
}

// order gets a certificate for the domain, as PEM with its key first.
func (c *client) order(ctx context.Context, domain string) (text []byte, err error) {
	defer func() {
		if err != nil {
			c.acme = nil
			err = fmt.Errorf("order a certificate at %s: %w", c.Directory, err)
		}
	}()
	if c.acme == nil {
		if c.acme, err = c.register(ctx); err != nil {
			return nil, err
		}
	}
	o, err := c.acme.AuthorizeOrder(ctx, acme.DomainIDs(domain))
	if err != nil {
		return nil, err
	}
	for _, url := range o.AuthzURLs {
		if err := c.authorize(ctx, url, domain); err != nil {
			return nil, err
		}
	}
	if o, err = c.acme.WaitOrder(ctx, o.URI); err != nil {
		return nil, err
	}
	return c.fetch(ctx, o, domain)
}

// register makes the account, or finds it: the key is who we are.
func (c *client) register(ctx context.Context) (*acme.Client, error) {
	key, err := c.vault.account()
	if err != nil {
		return nil, err
	}
	a := &acme.Client{Key: key, DirectoryURL: c.Directory, HTTPClient: &http.Client{Timeout: 30 * time.Second}, UserAgent: "sluice"}
	account := &acme.Account{}
	if c.Email != "" {
		account.Contact = []string{"mailto:" + c.Email}
	}
	switch _, err := a.Register(ctx, account, acme.AcceptTOS); {
	case errors.Is(err, acme.ErrAccountAlreadyExists):
		if len(account.Contact) > 0 {
			_, _ = a.UpdateReg(ctx, account) // an address that it does not take is no reason to have no certificate
		}
	case err != nil:
		return nil, err
	}
	return a, nil
}

// authorize proves that the domain is ours, where that is not known yet.
func (c *client) authorize(ctx context.Context, url, domain string) error {
	z, err := c.acme.GetAuthorization(ctx, url)
	if err != nil || z.Status == acme.StatusValid {
		return err
	}
	at := slices.IndexFunc(z.Challenges, func(ch *acme.Challenge) bool { return ch.Type == "tls-alpn-01" })
	if at < 0 {
		return errors.New("the authority offers no tls-alpn-01, the one proof that is known here; name another directory")
	}
	proof, err := c.acme.TLSALPN01ChallengeCert(z.Challenges[at].Token, domain)
	if err != nil {
		return err
	}
	c.prove(domain, &proof)
	defer c.prove(domain, nil)
	if _, err := c.acme.Accept(ctx, z.Challenges[at]); err != nil {
		return err
	}
	if _, err = c.acme.WaitAuthorization(ctx, z.URI); err != nil {
		return fmt.Errorf("%w; the authority has to reach this listener at port 443 of %s", err, domain)
	}
	return nil
}

// fetch has a new key certified.
func (c *client) fetch(ctx context.Context, o *acme.Order, domain string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{domain}}, key)
	if err != nil {
		return nil, err
	}
	chain, _, err := c.acme.CreateCertFromOrder(ctx, o, request, true)
	if err != nil {
		return nil, err
	}
	text, err := encodeKey(key)
	for _, der := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text, err
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
