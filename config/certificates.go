package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// readCertificates makes the paths of listeners' files whole and says what would keep them from being used.
func (d *decoder) readCertificates(c *Config, folder string) {
	for i := range c.Listeners {
		t := c.Listeners[i].TLS
		if t == nil {
			continue
		}
		path := fmt.Sprintf("listeners[%d].tls", i)
		for j := range t.Certificates {
			pair := &t.Certificates[j]
			join(&pair.CertFile, folder)
			join(&pair.KeyFile, folder)
			d.readPair(fmt.Sprintf("%s.certificates[%d]", path, j), pair)
		}
		join(&t.ClientCAFile, folder)
		d.readAuthorities(path+".clientCAFile", t.ClientCAFile)
	}
}

// readBackendFiles does the same for a route's backends.
func (d *decoder) readBackendFiles(r *Route, i int, folder string) {
	for j := range r.Backends {
		t := r.Backends[j].TLS
		if t == nil {
			continue
		}
		path := fmt.Sprintf("routes[%d].backends.%s.tls", i, r.Backends[j].Name)
		join(&t.CAFile, folder)
		d.readAuthorities(path+".caFile", t.CAFile)
		join(&t.CertFile, folder)
		join(&t.KeyFile, folder)
		if t.CertFile != "" && t.KeyFile != "" {
			d.readPair(path, &Certificate{CertFile: t.CertFile, KeyFile: t.KeyFile})
		}
	}
}

// soon is how long before its end a certificate is warned of.
const soon = 14 * 24 * time.Hour

// readPair says why a certificate and its key can't be used now.
func (d *decoder) readPair(path string, p *Certificate) {
	if d.broken(path) || p.CertFile == "" || p.KeyFile == "" {
		return
	}
	cert, certErr := readFile(p.CertFile)
	if certErr != nil {
		d.errorf(path+".certFile", "%q %v", p.CertFile, certErr)
	}
	key, keyErr := readFile(p.KeyFile)
	if keyErr != nil {
		d.errorf(path+".keyFile", "%q %v", p.KeyFile, keyErr)
	}
	if certErr != nil || keyErr != nil {
		return
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		d.errorf(path, "%q and %q are no pair: %s", p.CertFile, p.KeyFile, strings.TrimPrefix(err.Error(), "tls: "))
		return
	}
	const minute = "2006-01-02 15:04 MST"
	switch leaf, now := pair.Leaf, time.Now(); {
	case now.After(leaf.NotAfter):
		d.errorf(path+".certFile", "%q expired on %s; renew it", p.CertFile, leaf.NotAfter.Format(minute))
	case now.Before(leaf.NotBefore):
		d.errorf(path+".certFile", "%q is good from %s on; check this machine's clock", p.CertFile, leaf.NotBefore.Format(minute))
	case leaf.NotAfter.Sub(now) < soon && leaf.NotAfter.Sub(leaf.NotBefore) > 2*soon:
		d.warnf(path+".certFile", "%q expires on %s", p.CertFile, leaf.NotAfter.Format(minute))
	}
}

// readAuthorities says why a file of authorities can't be used.
func (d *decoder) readAuthorities(path, file string) {
	if file == "" || d.broken(path) {
		return
	}
	src, err := readFile(file)
	if err != nil {
		d.errorf(path, "%q %v", file, err)
	} else if !x509.NewCertPool().AppendCertsFromPEM(src) {
		d.errorf(path, "%q holds no certificate in PEM", file)
	}
}
