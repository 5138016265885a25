package proxy

import (
	"bytes"

	"sluice/identity"
	"sluice/router"
)

// forwarded is what the proxy knows and says about a request on its way to a backend. All text is ready to be written.
type forwarded struct {
	client, proto  string // the peer's address, and http or https
	backend, route string
	origin         string // the endpoint's host, for a request of HTTP/1.0 that names none
	trusted        bool   // the peer is a proxy whose X-Forwarded-* and Forwarded are kept
	identity       *identity.Reader
	believed       bool   // the peer's identity headers are kept
	requestID      []byte // for a request that brings none
	// changes are the route's, target is what takes the place of the client's; nil is none.
	changes *router.Changes
	target  []byte
	cookies []byte // lines that were written anew
}

// dropped says whether a request's field goes no further. The order is the promise: managed fields are settled by trust first, then
// what Connection lists goes, and ours are set after both, so that no client can delete them.
func (h *requestHead) dropped(f *field, w *forwarded) bool {
	switch f.kind {
	case oursField, aliasField, forwardedForField:
		return true
	case forwardedHostField, forwardedProtoField, trustField:
		return !w.trusted
	}
	if w.identity.IsHeader(f.name) { // Connection deletes none that is believed
		return !w.believed || !w.identity.IsExact(f.name) || f.kind.hopByHop()
	}
	if len(f.value) == 0 && f.kind == requestIDField {
		return true // ours takes its place
	}
	return f.kind.hopByHop() || h.lists && !f.kind.endToEnd() && h.listedInConnection(f.name)
}

// appendForward writes the head that the backend gets: the request line, every field that goes on exactly as it came, then ours.
func (h *requestHead) appendForward(dst []byte, w *forwarded) []byte {
	dst = append(append(dst, h.method...), ' ')
	if w.target != nil {
		dst = append(dst, w.target...)
	} else {
		dst = h.appendTarget(dst)
	}
	dst = append(dst, " HTTP/1.1\r\n"...)
	var hasProto, hasForwardedHost, hasHost, hasID bool
	changes := w.changes
	lines := kept{dst: dst}
	for i := range h.fields {
		f := &h.fields[i]
		if h.dropped(f, w) || changes != nil && changes.Removes(f.name) {
			lines.cut()
			continue
		}
		lines.keep(f.line)
		switch f.kind {
		case hostField:
			hasHost = true
		case requestIDField:
			hasID = true
		case forwardedHostField:
			hasForwardedHost = true
		case forwardedProtoField:
			hasProto = true
		}
	}
	lines.cut()
	dst = lines.dst
	switch {
	case w.changes != nil && w.changes.Host != "":
		dst = appendField(dst, "Host: ", w.changes.Host)
	case !hasHost:
		dst = h.appendHost(dst, w.origin)
	}
	if h.upgrade {
		dst = append(append(append(dst, "Connection: Upgrade\r\nUpgrade: "...), h.protocol...), "\r\n"...)
	}
	if h.framing == chunked {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	dst = append(dst, "X-Forwarded-For: "...)
	if w.trusted {
		dst = h.appendChain(dst)
	}
	dst = append(append(dst, w.client...), "\r\n"...)
	if !hasProto {
		dst = appendField(dst, "X-Forwarded-Proto: ", w.proto)
	}
	if !hasForwardedHost && len(h.host) > 0 {
		dst = append(append(append(dst, "X-Forwarded-Host: "...), h.host...), "\r\n"...)
	}
	if !hasID {
		dst = append(append(append(dst, "X-Request-Id: "...), w.requestID...), "\r\n"...)
	}
	dst = append(dst, w.cookies...)
	if w.changes != nil && w.changes.Request != nil {
		dst = append(dst, w.changes.Request.Lines...)
	}
	dst = appendField(dst, "Sluice-Backend: ", w.backend)
	dst = appendField(dst, "Sluice-Route: ", w.route)
	return append(dst, "\r\n"...)
}

// appendHost writes the Host that HTTP/1.1 asks for and HTTP/1.0 may leave out.
func (h *requestHead) appendHost(dst []byte, origin string) []byte {
	if len(h.host) == 0 {
		return appendField(dst, "Host: ", origin)
	}
	return append(append(append(dst, "Host: "...), h.host...), "\r\n"...)
}

func appendField(dst []byte, name, value string) []byte {
	return append(append(append(dst, name...), value...), "\r\n"...)
}

// appendChain writes the addresses that a trusted proxy has noted so far.
func (h *requestHead) appendChain(dst []byte) []byte {
	for i := range h.fields {
		if f := &h.fields[i]; f.kind == forwardedForField && len(f.value) > 0 {
			dst = append(append(dst, f.value...), ", "...)
		}
	}
	return dst
}

// appendTarget writes the target as an origin server wants it (RFC 9112 section 3.2.1); the raw bytes of path and query stay.
func (h *requestHead) appendTarget(dst []byte) []byte {
	rest, absolute := cutScheme(h.target)
	if !absolute {
		return append(dst, h.target...)
	}
	at := bytes.IndexAny(rest, "/?")
	switch {
	case at < 0 && string(h.method) == "OPTIONS":
		return append(dst, '*') // section 3.2.4
	case at < 0:
		return append(dst, '/')
	case rest[at] == '?':
		dst = append(dst, '/')
	}
	return append(dst, rest[at:]...)
}

func (h *requestHead) listedInConnection(name []byte) bool {
	for i := range h.fields {
		if f := &h.fields[i]; f.kind == connectionField && listedFold(f.value, name) {
			return true
		}
	}
	return false
}

// listedFold is listed for an element that is not lower case yet.
func listedFold(list, element []byte) bool {
	for len(list) > 0 {
		var one []byte
		one, list, _ = bytes.Cut(list, []byte(","))
		if bytes.EqualFold(trim(one), element) {
			return true
		}
	}
	return false
}

// management is how a field that the proxy manages is treated.
type management uint8

const (
	free    management = iota // the client's own business
	byTrust                   // kept from a trusted proxy, replaced for everyone else
	ours                      // never the client's to set
)

// managedField classifies a name. '_' and '.' count as '-': backends that fold them would take an alias for the real thing.
func managedField(name []byte) management {
	switch folded[name[0]] {
	case 'x':
		if foldedPrefix(name, "x-forwarded-") {
			return byTrust
		}
	case 'f':
		if len(name) == len("forwarded") && foldedPrefix(name, "forwarded") {
			return byTrust
		}
	case 's':
		if foldedPrefix(name, "sluice-") {
			return ours
		}
	case 't':
		return framingAlias(name, "transfer-encoding")
	case 'c':
		return framingAlias(name, "content-length")
	}
	return free
}

// framingAlias says that a name only looks like the field: one that frames nothing here, and should frame nothing further on.
func framingAlias(name []byte, field string) management {
	if len(name) == len(field) && aliased(name) && foldedPrefix(name, field) {
		return ours
	}
	return free
}

func aliased(name []byte) bool { return bytes.ContainsAny(name, "_.") }

func foldedPrefix(name []byte, prefix string) bool {
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := name[i]
		switch {
		case c == '_' || c == '.':
			c = '-'
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}
