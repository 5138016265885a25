package proxy

import (
	"bytes"
	"net/netip"

	"github.com/valyala/fasthttp"

	"sluice/identity"
	"sluice/request"
)

// view is the request.View of an HTTP/1 request: it looks things up in the scanned head when they are asked for. What has to be
// rewritten (lower case, percent-decoding) lies in scratch, which keeps its memory from request to request.
type view struct {
	head     *requestHead
	identity *identity.Reader
	believed bool // identity headers of this peer count
	client   netip.Addr
	listener string
	host     []byte
	path     []byte
	scratch  []byte
	uri      fasthttp.URI
}

var _ request.View = (*view)(nil)

// settle works out what every request is asked for.
func (v *view) settle() {
	v.scratch = v.scratch[:0]
	v.host = v.lowerHost(v.head.host)
	v.path = v.normalPath(v.head.path())
}

func (v *view) Method() []byte     { return v.head.method }
func (v *view) Host() []byte       { return v.host }
func (v *view) Path() []byte       { return v.path }
func (v *view) Client() netip.Addr { return v.client }
func (v *view) Listener() string   { return v.listener }

func (v *view) Header(name string) []byte {
	for i := range v.head.fields {
		if f := &v.head.fields[i]; same(f.name, name) {
			if !v.believed && v.identity.IsHeader(f.name) {
				return nil
			}
			return present(f.value)
		}
	}
	return nil
}

func (v *view) Cookie(name string) []byte {
	for i := range v.head.fields {
		f := &v.head.fields[i]
		if f.kind != cookieField {
			continue
		}
		for rest := f.value; len(rest) > 0; {
			var pair []byte
			pair, rest, _ = bytes.Cut(rest, []byte(";"))
			key, value, ok := bytes.Cut(trim(pair), []byte("="))
			if ok && string(key) == name {
				return present(value)
			}
		}
	}
	return nil
}

func (v *view) Query(name string) []byte {
	_, query, _ := bytes.Cut(v.head.target, []byte("?"))
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte("&"))
		key, value, _ := bytes.Cut(pair, []byte("="))
		if string(v.unescaped(key)) == name {
			return present(v.unescaped(value))
		}
	}
	return nil
}

// unescaped is a part of a query with %XX and + decoded; a % that begins no escape stands for itself.
func (v *view) unescaped(p []byte) []byte {
	if bytes.IndexByte(p, '%') < 0 && bytes.IndexByte(p, '+') < 0 {
		return p
	}
	from := len(v.scratch)
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(p) && hexDigit(p[i+1]) >= 0 && hexDigit(p[i+2]) >= 0:
			c = byte(hexDigit(p[i+1])<<4 | hexDigit(p[i+2]))
			i += 2
		}
		v.scratch = append(v.scratch, c)
	}
	return v.scratch[from:]
}

// lowerHost is the host in lower case, without its port and the dot that may end a name.
func (v *view) lowerHost(host []byte) []byte {
	// A colon after the last bracket begins a port; those inside brackets belong to an IPv6 address.
	if i := bytes.LastIndexByte(host, ':'); i > bytes.LastIndexByte(host, ']') {
		host = host[:i]
	}
	host = bytes.TrimSuffix(host, []byte("."))
	for _, c := range host {
		if 'A' <= c && c <= 'Z' {
			from := len(v.scratch)
			for _, c := range host {
				if 'A' <= c && c <= 'Z' {
					c |= 0x20
				}
				v.scratch = append(v.scratch, c)
			}
			return v.scratch[from:]
		}
	}
	return host
}

// normalPath decodes and cleans a path that needs it, so that /a/%2e%2e/admin is matched as what a backend may take it for.
func (v *view) normalPath(path []byte) []byte {
	if bytes.IndexByte(path, '%') < 0 && !bytes.Contains(path, []byte("//")) && !bytes.Contains(path, []byte("/.")) {
		return path
	}
	v.uri.SetPathBytes(path)
	return v.uri.Path()
}

// present makes an empty value differ from an absent one.
func present(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

// path is the target's path: without authority, without query.
func (h *requestHead) path() []byte {
	target := h.target
	if rest, absolute := cutScheme(target); absolute {
		at := bytes.IndexAny(rest, "/?")
		if at < 0 || rest[at] == '?' {
			return []byte("/")
		}
		target = rest[at:]
	}
	if end := bytes.IndexByte(target, '?'); end >= 0 {
		target = target[:end]
	}
	return target
}

// forwardedClient is the user's address as trusted proxies tell it: from the right of X-Forwarded-For, the first that is not one of
// them. What stands further left anyone may have written.
func forwardedClient(h *requestHead, peer netip.Addr, proxies []netip.Prefix) netip.Addr {
	client := peer
	for i := len(h.fields) - 1; i >= 0; i-- {
		if h.fields[i].kind != forwardedForField {
			continue
		}
		for rest := h.fields[i].value; len(rest) > 0; {
			last := rest
			if at := bytes.LastIndexByte(rest, ','); at >= 0 {
				last, rest = rest[at+1:], rest[:at]
			} else {
				rest = nil
			}
			a, ok := parseAddr(trim(last))
			if !ok {
				return client
			}
			client = a
			if !request.Contains(proxies, a) {
				return client
			}
		}
	}
	return client
}

func parseAddr(p []byte) (netip.Addr, bool) {
	a, err := netip.ParseAddr(string(p))
	return a, err == nil
}
