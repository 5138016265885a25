package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"sluice/config"
)

// backendTLS reads the files of a backend's tls; nil is the default. A reload that changes the backend reads them again.
func backendTLS(c *config.BackendTLS) (*tls.Config, error) {
	if c == nil {
		return nil, nil
	}
	out := &tls.Config{ServerName: c.ServerName, InsecureSkipVerify: c.InsecureSkipVerify}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.caFile: %w", err)
		}
		if out.RootCAs = x509.NewCertPool(); !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.caFile: %s holds no certificate in PEM", c.CAFile)
		}
	}
	if c.CertFile != "" {
		own, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls.certFile %s with keyFile %s: %w", c.CertFile, c.KeyFile, err)
		}
		out.Certificates = []tls.Certificate{own}
	}
	return out, nil
}
