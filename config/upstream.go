package config

import (
	"errors"
	"time"
)

// Outlier leaves an endpoint out for a while whose requests fail in a row; never the last one.
type Outlier struct {
	// ConsecutiveErrors so many failures in a row; more on a backend of which many requests have always failed. Default 5.
	ConsecutiveErrors int
	// EjectFor is how long it is left out; twice as long the next time, up to 32 times. Default 30s.
	EjectFor time.Duration
	// MaxEjected is the most of the endpoints that are left out; one may be in any case. Default 50 %.
	MaxEjected Percent
}

func defaultOutlier() Outlier {
	return Outlier{ConsecutiveErrors: 5, EjectFor: 30 * time.Second, MaxEjected: 5000}
}

func (d *decoder) outlier(v value, o *Outlier) {
	d.object(v, keys{
		"consecutiveErrors": one(d, &o.ConsecutiveErrors, parseCount(1)),
		"ejectFor":          one(d, &o.EjectFor, positive(parseDuration)),
		"maxEjected":        one(d, &o.MaxEjected, parsePercent),
	})
}

// parseService reads the name of a gRPC service.
func parseService(s string) (string, error) {
	if len(s) > 120 {
		return "", errors.New("is longer than 120 bytes")
	}
	return parseText(s)
}

// BackendTLS is how https endpoints are spoken to.
type BackendTLS struct {
	// CAFile holds the certificates, PEM, that endpoints' are signed by; a path relative to the configuration's folder. Default: the
	// system's.
	CAFile string
	// ServerName is the name in the endpoints' certificates, and in SNI. Default: the endpoint's host.
	ServerName string
	// CertFile and KeyFile are our own certificate and key, PEM; both or neither. Default: none.
	CertFile, KeyFile string
	// InsecureSkipVerify takes any certificate. Default false.
	InsecureSkipVerify bool
}

func (d *decoder) backendTLS(v value, t *BackendTLS) {
	d.object(v, keys{
		"caFile":             one(d, &t.CAFile, parseText),
		"serverName":         one(d, &t.ServerName, parseServerName),
		"certFile":           one(d, &t.CertFile, parseText),
		"keyFile":            one(d, &t.KeyFile, parseText),
		"insecureSkipVerify": one(d, &t.InsecureSkipVerify, parseBool),
	})
	if (t.CertFile == "") != (t.KeyFile == "") && !d.broken(v.path) {
		d.errorf(v.path, "has one of certFile and keyFile; write both, or neither")
	}
	if t.InsecureSkipVerify && t.CAFile != "" {
		d.errorf(v.path+".insecureSkipVerify", "true makes caFile say nothing; remove one of them")
	}
}

// parseServerName reads a name or an address as it stands in a certificate.
func parseServerName(s string) (string, error) {
	if !isHost(s) {
		return "", errors.New("is no name; write it like api.internal")
	}
	return s, nil
}
