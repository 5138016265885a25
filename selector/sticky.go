package selector

import (
	"net/netip"

	"github.com/cespare/xxhash/v2"

	"sluice/identity"
	"sluice/request"
)

// StickyKind is a kind of source of the sticky key.
type StickyKind uint8

// The kinds. A cookie that is missing is minted, when no other source has a value either.
const (
	ByIdentity StickyKind = iota
	ByCookie
	ByHeader
	ByQuery
	ByClientIP
)

// StickyBy is one source of the sticky key.
type StickyBy struct {
	// Kind of the source.
	Kind StickyKind
	// Name of the cookie, header (lower case) or query parameter; unused by the other kinds.
	Name string
	// Sign is who signs the cookie: one that is not signed counts as missing. nil takes any.
	Sign *Signer
}

// CookieState says what became of the sticky cookie.
type CookieState uint8

const (
	// CookieNone: the route does not stick by cookie, or another source gave the key.
	CookieNone CookieState = iota
	// CookieKept: the request's cookie gave the key.
	CookieKept
	// CookieMint: the key is that of AppendCookieID with the same Draw; the answer has to set it.
	CookieMint
)

// key is what the draws are made from.
type key struct {
	hash   uint64 // of the key, or fresh
	second uint64 // the same for the second draw: equal to hash with a key, fresh without
	sticky bool
	cookie CookieState
	minted int64
}

// key finds the sticky key. It does so also for requests that a rule decides: the cookie is minted before the choice,
// and so tells nothing of it.
func (f *fixed) key(v request.View, u *identity.User, d Draw) key {
	for i := range f.sticky {
		by := &f.sticky[i]
		switch by.Kind {
		case ByClientIP:
			if a := v.Client(); a.IsValid() {
				b := a.As16() // the same for an IPv4 address written as IPv6
				return stickyKey(b[:])
			}
		case ByCookie:
			value := v.Cookie(by.Name)
			if by.Sign != nil {
				value = by.Sign.value(value)
			}
			if len(value) > 0 {
				id, minted := parseCookie(value)
				k := stickyKey(id)
				k.cookie, k.minted = CookieKept, minted
				return k
			}
		default:
			if value := textValue(by, v, u); len(value) > 0 {
				return stickyKey(value)
			}
		}
	}
	if f.mint {
		var id [cookieIDLength]byte
		putCookieID(&id, d)
		k := stickyKey(id[:])
		k.cookie = CookieMint
		return k
	}
	return key{hash: d.Hi, second: d.Lo}
}

func textValue(by *StickyBy, v request.View, u *identity.User) []byte {
	switch by.Kind {
	case ByIdentity:
		return u.Key
	case ByHeader:
		return v.Header(by.Name)
	case ByQuery:
		return v.Query(by.Name)
	default:
		return nil
	}
}

// UserKey is the Key of a user who is named from outside, by the value of the sticky key: a cookie's, with or without the time and the signature,
// an address, or a text.
func (s *Selector) UserKey(name string) uint64 {
	for i := range s.fixed.sticky {
		by := &s.fixed.sticky[i]
		switch by.Kind {
		case ByClientIP:
			if a, err := netip.ParseAddr(name); err == nil {
				b := a.As16()
				return hashKey(b[:])
			}
		case ByCookie:
			value := []byte(name)
			if by.Sign != nil {
				if signed, ok := by.Sign.Open(value); ok {
					value = signed
				}
			}
			if id, _ := parseCookie(value); len(id) < len(name) {
				return hashKey(id)
			}
		}
	}
	return hashKey([]byte(name))
}

func stickyKey(b []byte) key {
	h := hashKey(b)
	return key{hash: h, second: h, sticky: true}
}

func hashKey(b []byte) uint64 { return xxhash.Sum64(b) }

const (
	cookieIDLength = 26 // 128 bits, five a character
	// cookieTimeLength bounds the digits of a cookie's time: 36^11 seconds fit an int64.
	cookieTimeLength = 11
	// base32 is Crockford's alphabet in lower case: no letter is taken for a digit.
	base32 = "0123456789abcdefghjkmnpqrstvwxyz"
	base36 = "0123456789abcdefghijklmnopqrstuvwxyz"
)

// AppendCookieID appends the value of a newly minted sticky cookie to dst: 26 characters of random id, a dot, and the
// time of minting in base 36. It names no backend. unix is in seconds, at least 0.
func AppendCookieID(dst []byte, d Draw, unix int64) []byte {
	var id [cookieIDLength]byte
	putCookieID(&id, d)
	return appendMinted(append(dst, id[:]...), unix)
}

// AppendRenewedCookie appends the value of a kept cookie with a new time of minting: the id, and so the user's place in every draw,
// stays. value is one that Pick has found a time in.
func AppendRenewedCookie(dst, value []byte, unix int64) []byte {
	id, _ := parseCookie(value)
	return appendMinted(append(dst, id...), unix)
}

// appendMinted appends the dot and the time in base 36.
func appendMinted(dst []byte, unix int64) []byte {
	dst = append(dst, '.')
	var digits [13]byte // 2^63 in base 36
	i := len(digits)
	for n := uint64(max(unix, 0)); ; n /= 36 {
		i--
		digits[i] = base36[n%36]
		if n < 36 {
			return append(dst, digits[i:]...)
		}
	}
}

func putCookieID(id *[cookieIDLength]byte, d Draw) {
	hi, lo := d.Hi, d.Lo
	for i := len(id) - 1; i >= 0; i-- {
		id[i] = base32[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
}

// parseCookie splits a cookie's value into its id and the time of minting. A value of another form, of an older setup
// or of the application itself, is a key as a whole, with time 0.
func parseCookie(value []byte) (id []byte, minted int64) {
	if len(value) < cookieIDLength+2 || len(value) > cookieIDLength+1+cookieTimeLength || value[cookieIDLength] != '.' {
		return value, 0
	}
	for _, c := range value[:cookieIDLength] {
		if !isBase36(c) {
			return value, 0
		}
	}
	for _, c := range value[cookieIDLength+1:] {
		if !isBase36(c) {
			return value, 0
		}
		digit := int64(c - '0')
		if c >= 'a' {
			digit = int64(c-'a') + 10
		}
		minted = minted*36 + digit
	}
	return value[:cookieIDLength], minted
}

// isBase36 also holds for every character of an id; the four letters it lacks are no reason to read it otherwise.
func isBase36(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' }
