// Package identity says who the user of a request is: a key for stickiness, and the e-mail address and segments that
// selection rules ask for, from the headers and cookies that the configuration names.
//
// It decides which headers are identity headers and which peers are believed; removing those of other peers is the
// front's work, done before anything is read here. Tokens (token.go) are believed by their signature, whoever sends them. It keeps no
// users. Start at Config and Read.
package identity

import (
	"net/netip"
	"slices"
	"strings"

	"sluice/request"
)

// Source is where a value comes from: exactly one of a header, a cookie and a claim.
type Source struct {
	// Header is a field name in any case.
	Header string
	// Cookie is a cookie's name; case counts.
	Cookie string
	// JWT is a claim of the request's verified token.
	JWT string

	claim int // its place among those that sources ask for
}

// Config names the sources. In each list the first that yields a value that is not empty wins.
type Config struct {
	// Trust holds the peers whose identity headers are believed; empty is nobody.
	Trust []netip.Prefix
	// Key, Email and Segment are the sources of the user's key, address and segments. Cookies, which anyone can
	// write, serve the key alone: for an address or a segment they yield nothing.
	Key, Email, Segment []Source
	// JWT says which tokens are believed; nil is none, and then claims yield nothing.
	JWT *TokenConfig
}

// Reader reads users from requests. It never changes and is safe for concurrent use.
type Reader struct {
	trust   []netip.Prefix
	key     []Source
	trusted []Source // those of key that are no cookies
	email   []Source // no cookies
	segment []Source // no cookies
	headers headerNames
	tokens  *Tokens // nil where no source is a claim
}

// New makes a Reader; it keeps nothing of c.
func New(c Config) *Reader {
	r := &Reader{trust: slices.Clone(c.Trust), key: lowerHeaders(c.Key)}
	email, segment := lowerHeaders(c.Email), lowerHeaders(c.Segment)
	if claims := numberClaims(r.key, email, segment); c.JWT != nil && len(claims) > 0 {
		r.tokens = newTokens(*c.JWT, claims)
	}
	r.trusted, r.email, r.segment = withoutCookies(r.key), withoutCookies(email), withoutCookies(segment)
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
	// TokenRefused says that the request has a token that is not believed.
	TokenRefused bool
}

// Read returns the user of the request. It relies on the view to hide identity headers of peers that are not trusted,
// and allocates nothing, but for a token that is seen for the first time. What came out of one must not be written to.
func (r *Reader) Read(v request.View) User {
	u, claims := r.vouched(v)
	u.Key = first(v, r.key, claims)
	return u
}

// ReadTrusted is Read without the key, for a choice that sticks to nobody: the key's sources are most of the work.
func (r *Reader) ReadTrusted(v request.View) User {
	u, _ := r.vouched(v)
	return u
}

// vouched is what trusted sources say.
func (r *Reader) vouched(v request.View) (u User, claims [][]byte) {
	if r.tokens != nil {
		claims, u.TokenRefused = r.tokens.read(v)
	}
	u.Trusted = first(v, r.trusted, claims)
	u.Email = first(v, r.email, claims)
	u.Segment = first(v, r.segment, claims)
	return u, claims
}

// first is the first value that is not empty.
func first(v request.View, sources []Source, claims [][]byte) []byte {
	for i := range sources {
		var value []byte
		switch s := &sources[i]; {
		case s.Header != "":
			value = v.Header(s.Header)
		case s.Cookie != "":
			value = v.Cookie(s.Cookie)
		case s.claim < len(claims):
			value = claims[s.claim]
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

func withoutCookies(in []Source) []Source {
	return slices.DeleteFunc(slices.Clone(in), func(s Source) bool { return s.Cookie != "" })
}

// numberClaims gives every claim that is asked for a number, and returns their names.
func numberClaims(lists ...[]Source) (names []string) {
	for _, list := range lists {
		for i := range list {
			if list[i].JWT == "" {
				continue
			}
			at := slices.Index(names, list[i].JWT)
			if at < 0 {
				at, names = len(names), append(names, list[i].JWT)
			}
			list[i].claim = at
		}
	}
	return names
}
