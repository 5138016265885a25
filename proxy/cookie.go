package proxy

import (
	"strconv"
	"time"

	"sluice/router"
	"sluice/selector"
)

// appendCookie writes the Set-Cookie line of the sticky cookie where the answer has to set it: newly minted, or past half its life.
// Otherwise it writes nothing. unix is the present second.
func appendCookie(dst []byte, k *router.Cookie, c *selector.Choice, d selector.Draw, sent []byte, unix int64, https bool) []byte {
	ttl := int64(k.TTL / time.Second)
	switch {
	case c.Cookie == selector.CookieMint:
		dst = append(append(append(dst, "Set-Cookie: "...), k.Name...), '=')
		from := len(dst)
		dst = signed(selector.AppendCookieID(dst, d, unix), from, k)
	case c.Cookie == selector.CookieKept && c.CookieMinted > 0 && unix-c.CookieMinted > ttl/2:
		dst = append(append(append(dst, "Set-Cookie: "...), k.Name...), '=')
		if k.Sign != nil {
			sent, _ = k.Sign.Open(sent)
		}
		from := len(dst)
		dst = signed(selector.AppendRenewedCookie(dst, sent, unix), from, k)
	default:
		return dst
	}
	dst = strconv.AppendInt(append(dst, "; Max-Age="...), ttl, 10)
	dst = append(dst, k.Attributes...)
	if k.Secure == router.SecureAlways || k.Secure == router.SecureAuto && https {
		dst = append(dst, "; Secure"...)
	}
	return append(dst, "\r\n"...)
}

// signed signs the value that begins at from, where the route's cookie is signed.
func signed(dst []byte, from int, k *router.Cookie) []byte {
	if k.Sign == nil {
		return dst
	}
	return k.Sign.Append(dst, dst[from:])
}
