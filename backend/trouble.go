package backend

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
)

// Trouble tells whoever the configuration names why this endpoint can't be spoken to. It is called for each request that meets it.
func (e *Endpoint) Trouble(err error) {
	if tell := e.backend.config.Trouble; tell != nil {
		tell(e.url, err)
	}
}

// handshakeFault is why there is no TLS with the endpoint, and what to do.
func handshakeFault(err error) error {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	hint := ""
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		hint = "renew the endpoint's certificate, or check the clocks"
	case errors.As(err, &name):
		hint = "set tls.serverName to a name that its certificate has"
	case errors.As(err, &unknown):
		hint = "set tls.caFile to the certificate of its authority"
	case errors.As(err, &record), strings.HasSuffix(err.Error(), "server gave HTTP response to HTTPS client"):
		return errors.New("TLS handshake: the endpoint does not speak TLS; write http:// or h2c://")
	case isAlert(err):
		hint = "look into the endpoint's own log; if it asks for a certificate, set tls.certFile and tls.keyFile"
	}
	if hint == "" {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	return fmt.Errorf("TLS handshake: %w; %s", err, hint)
}

// isAlert says that the endpoint refuses TLS with us; of a missing certificate it says so only after the handshake.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// isHandshake says that an error is about TLS, of a client that does not tell.
func isHandshake(err error) bool {
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &verify) || errors.As(err, &record) || isAlert(err) || strings.HasSuffix(err.Error(), "server gave HTTP response to HTTPS client")
}

// Refusal says that err, of reading an answer, is the endpoint's refusal of TLS with us, and tells of it.
func (e *Endpoint) Refusal(err error) bool {
	if err == nil || e.secure == nil || !isAlert(err) {
		return false
	}
	e.Trouble(handshakeFault(err))
	return true
}

var (
	errNoHTTP2 = errors.New("the endpoint does not speak HTTP/2 without being asked; write http://")
	errHTTP2   = errors.New("the endpoint answers in HTTP/2; write h2c://")
	errSecure  = errors.New("the endpoint answers in TLS; write https://")
	errNoHTTP  = errors.New("the endpoint's answer is malformed, or no HTTP at all")
)

// Malformed tells of an answer that begins with p and can't be read.
func (e *Endpoint) Malformed(p []byte) { e.Trouble(spoken(p)) }

// spoken is what an answer is that can't be read: records of TLS begin with their type and version (RFC 8446, section 5.1), and HTTP/2 with
// a frame of settings of stream 0 (RFC 9113, section 3.4).
func spoken(p []byte) error {
	switch {
	case len(p) >= 3 && (p[0] == 0x15 || p[0] == 0x16) && p[1] == 3:
		return errSecure
	case len(p) >= 9 && p[0] == 0 && (p[3] == 4 || p[3] == 7) && bytes.Equal(p[5:9], make([]byte, 4)):
		return errHTTP2
	}
	return errNoHTTP
}

// isGarbled says that what net/http took for frames of HTTP/2 was none.
func isGarbled(err error) bool {
	text := err.Error()
	return strings.Contains(text, "http2: frame too large") || strings.HasPrefix(text, "connection error: ")
}
