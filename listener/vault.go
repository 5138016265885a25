package listener

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// vault is a folder of keys, for nobody else to read: the account's, and one with each certificate.
type vault struct{ folder string }

// errNone says that nothing is kept, or nothing of use.
var errNone = errors.New("there is no certificate")

func (v vault) path(name string) string { return filepath.Join(v.folder, name) }

// certificate is the one that is kept for a domain and still good; errNone when there is none.
func (v vault) certificate(domain string) (*tls.Certificate, error) {
	text, err := os.ReadFile(v.path(domain + ".pem"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errNone
	case err != nil:
		return nil, fmt.Errorf("read the certificate that is kept: %w; another one is ordered", err)
	}
	c, err := parseIssued(text, domain)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the certificate that is kept in %s is of no use: %w; another one is ordered", v.path(domain+".pem"), err)
	case time.Now().After(c.Leaf.NotAfter):
		return nil, errNone
	}
	return c, nil
}

// parseIssued takes what an authority has issued for a domain.
func parseIssued(text []byte, domain string) (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "tls: "))
	}
	if err := c.Leaf.VerifyHostname(domain); err != nil {
		return nil, err
	}
	return &c, nil
}

// account is the key that an authority knows us by, made when there is none.
func (v vault) account() (crypto.Signer, error) {
	const name = "account.key"
	text, err := os.ReadFile(v.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err == nil {
			text, err = encodeKey(key)
		}
		if err == nil {
			err = v.keep(name, text)
		}
		return key, err
	}
	if err != nil {
		return nil, fmt.Errorf("read the account's key: %w", err)
	}
	if block, _ := pem.Decode(text); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if signer, ok := key.(crypto.Signer); ok {
				return signer, nil
			}
		}
	}
	return nil, fmt.Errorf("%s holds no key; remove it, and another account is made", v.path(name))
}

// keep writes a file, whole or not at all.
func (v vault) keep(name string, text []byte) error {
	err := os.MkdirAll(v.folder, 0o700)
	if err == nil {
		err = v.replace(name, text)
	}
	if err != nil {
		return fmt.Errorf("keep %s: %w; make state.dir writable", v.path(name), err)
	}
	return nil
}

func (v vault) replace(name string, text []byte) error {
	f, err := os.CreateTemp(v.folder, name+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), v.path(name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
