// Package identity says who the user of a request is: a key for stickiness, and the e-mail address and segments that
// selection rules ask for, from the headers and cookies that the configuration names.
//
// It decides which headers are identity headers and which peers are believed; removing those of other peers is the
// front's work, done before anything is read here. It verifies no tokens and keeps no users. Start at Config and Read.
package identity

import (
	"net/netip"
	"slices"
	"strings"

	"sluice/request"
)

// Source is where a value comes from: exactly one of a header and a cookie.
type Source struct {
	// Header is a field name in any case.
	Header string
	// Cookie is a cookie's name; case counts.
	Cookie string
}

// Config names the sources. In each list the first that yields a value that is not empty wins.
type Config struct {
	// Trust holds the peers whose identity headers are believed; empty is nobody.
	Trust []netip.Prefix
	// Key, Email and Segment are the sources of the user's key, address and segments. Cookies, which anyone can
	// write, serve the key alone: for an address or a segment they yield nothing.
	Key, Email, Segment []Source
}

// Reader reads users from requests. It never changes and is safe for concurrent use.
type Reader struct {
	trust   []netip.Prefix
	key     []Source
	trusted []Source // the headers of key
	email   []Source // headers only
	segment []Source // headers only
	headers headerNames
}

// New makes a Reader; it keeps nothing of c.
func New(c Config) *Reader {
	r := &Reader{trust: slices.Clone(c.Trust), key: lowerHeaders(c.Key)}
	r.trusted = onlyHeaders(r.key)
	r.email = onlyHeaders(lowerHeaders(c.Email))
	r.segment = onlyHeaders(lowerHeaders(c.Segment))
	r.headers = newHeaderNames(r.trusted, r.email, r.segment)
	return r
}

// Trusts says whether identity headers of this peer are believed. The peer is the other end of the connection, never
// an address out of a header.
func (r *Reader) Trusts(peer netip.Addr) bool { return request.Contains(r.trust, peer) }

// User is who sent a request, as far as the request says. Its slices belong to the request; nil is unknown.
type User struct {
	// Key is the first value of all key sources. Anyone may have written it: it serves stickiness only.
	Key []byte
	// Trusted is the first value of the key's trusted sources, which may decide what a user gets to see.
	Trusted []byte
	// Email is the user's address, from trusted sources only.
	Email []byte
	// Segment is a comma list of the segments the user is in, from trusted sources only.
	Segment []byte
}

// Read returns the user of the request. It relies on the view to hide identity headers of peers that are not trusted,
// and allocates nothing.
func (r *Reader) Read(v request.View) User {
	return User{
		Key:     first(v, r.key),
		Trusted: first(v, r.trusted),
		Email:   first(v, r.email),
		Segment: first(v, r.segment),
	}
}

// first is the first value that is not empty.
func first(v request.View, sources []Source) []byte {
	for i := range sources {
		var value []byte
		if sources[i].Header != "" {
			value = v.Header(sources[i].Header)
		} else {
			value = v.Cookie(sources[i].Cookie)
		}
		if len(value) > 0 {
			return value
		}
	}
	return nil
}

func lowerHeaders(in []Source) []Source {
	out := slices.Clone(in)
	for i := range out {
		out[i].Header = strings.ToLower(out[i].Header)
	}
	return out
}

func onlyHeaders(in []Source) []Source {
	var out []Source
	for _, s := range in {
		if s.Header != "" {
			out = append(out, s)
		}
	}
	return out
}
