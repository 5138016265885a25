package proxy

import (
	"bytes"
)

// Redirect sends clients of a plain listener to the one that speaks TLS.
type Redirect struct {
	// Port of this listener, and that of the one with TLS: a client who names the first is sent to the second. All others come through
	// something that maps ports, and are sent to https's own.
	Port, TLSPort string
}

// challenges is where an authority looks for the proof that a name is ours; it begins with plain HTTP (RFC 8555, section 8.3).
const challenges = "/.well-known/acme-challenge/"

// applies says whether the request is to be sent on: not when it came over https to a proxy that is trusted.
func (r *Redirect) applies(x *exchange) bool {
	if bytes.HasPrefix(x.head.path(), []byte(challenges)) || len(x.head.host) == 0 {
		return false
	}
	if !x.forward.trusted {
		return true
	}
	for i := range x.head.fields {
		if f := &x.head.fields[i]; same(f.name, "x-forwarded-proto") {
			return !same(f.value, "https")
		}
	}
	return true
}

// toTLS answers with 308: the method and the body are the same there.
func (x *exchange) toTLS(r *Redirect) bool {
	host, port := x.head.host, ""
	if i := bytes.LastIndexByte(host, ':'); i > bytes.LastIndexByte(host, ']') {
		host, port = host[:i], string(host[i+1:])
	}
	to := append(append(x.end[:0], "Location: https://"...), host...)
	if port == r.Port && port != "" && r.TLSPort != "" && r.TLSPort != "443" {
		to = append(append(to, ':'), r.TLSPort...)
	}
	x.end = append(x.head.appendTarget(to), "\r\n"...)
	return x.ownWith(308, "this is served over https", x.end)
}
