package proxy

import (
	"bytes"
	"strconv"

	"sluice/metrics"
	"sluice/router"
	"sluice/selector"
)

// overriding is what the places of an override hold.
type overriding struct {
	router.Overridden
	ok      bool
	refused bool   // something stands there that is not good
	query   []byte // the value, where it came in the query: the cookie keeps it
}

// override looks for one that is good: in the header, the query, the cookie. now is in Unix seconds.
func override(r *router.Route, v *view, now int64) (found overriding) {
	o := r.Override
	try := func(value []byte) bool {
		if found.ok || len(value) == 0 {
			return false
		}
		found.Overridden, found.ok = o.Verify(r, value, now)
		found.refused = found.refused || !found.ok
		return found.ok
	}
	try(v.Header(o.Header))
	if o.Query != "" {
		if q := v.Query(o.Query); try(q) {
			found.query = q
		}
	}
	if o.Cookie != "" {
		try(v.Cookie(o.Cookie))
	}
	return found
}

// overrides gives the request to the backend that a good override names. It is nobody's evidence, and has no fallback: who names a
// backend wants an answer of that one. An override that is not good changes nothing, but is counted.
func (x *exchange) overrides(now int64) bool {
	found := override(x.route, &x.view, now)
	if !found.ok {
		if found.refused {
			x.client.server.Process.ClientError(metrics.ClientOverride)
		}
		return false
	}
	x.choice.Backend, x.choice.Reason, x.choice.Cohort = found.Backend, selector.Override, metrics.Other
	if o := x.route.Override; found.query != nil && o.Cookie != "" {
		x.cookie = append(append(append(append(x.cookie, "Set-Cookie: "...), o.Cookie...), '='), found.query...)
		x.cookie = strconv.AppendInt(append(x.cookie, "; Max-Age="...), found.Until-now, 10)
		x.cookie = append(x.cookie, "; Path=/; HttpOnly; SameSite=Lax"...)
		if x.forward.proto == "https" {
			x.cookie = append(x.cookie, "; Secure"...)
		}
		x.cookie = append(x.cookie, "\r\n"...)
	}
	return true
}

// withhold keeps the override from the backend, good or not: its cookie and its part of the query. The header goes with the route's
// changes. A line of cookies that had it is written anew behind the others.
func (x *exchange) withhold(o *router.Override) {
	if o.Query != "" {
		x.head.target = x.view.withoutQuery(x.head.target, o.Query)
	}
	if o.Cookie == "" || x.view.Cookie(o.Cookie) == nil {
		return
	}
	for i := range x.head.fields {
		f := &x.head.fields[i]
		if f.kind != cookieField || x.head.dropped(f, &x.forward) {
			continue
		}
		if rest, had := withoutCookie(f.value, o.Cookie); had {
			f.kind = oursField
			if len(rest) > 0 {
				x.forward.cookies = append(append(append(x.forward.cookies, "Cookie: "...), rest...), "\r\n"...)
			}
		}
	}
}

// withoutQuery takes the parameters of that name out of the target, in its own memory.
func (v *view) withoutQuery(target []byte, name string) []byte {
	at := bytes.IndexByte(target, '?')
	if at < 0 {
		return target
	}
	out, first := target[:at], true
	for more, rest := true, target[at+1:]; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, []byte("&"))
		key, _, _ := bytes.Cut(pair, []byte("="))
		if string(v.unescaped(key)) == name {
			continue
		}
		separator := byte('&')
		if first {
			separator, first = '?', false
		}
		out = append(append(out, separator), pair...) // never overtakes what is read
	}
	return out
}

// withoutCookie takes the cookies of that name out of a field's value.
func withoutCookie(value []byte, name string) (rest []byte, had bool) {
	for len(value) > 0 {
		var pair []byte
		pair, value, _ = bytes.Cut(value, []byte(";"))
		key, _, _ := bytes.Cut(trim(pair), []byte("="))
		if string(key) == name {
			had = true
			continue
		}
		if len(rest) > 0 {
			rest = append(rest, "; "...)
		}
		rest = append(rest, trim(pair)...)
	}
	return rest, had
}
