package proxy

import (
	"bytes"
	"fmt"
)

// refusal is why a request is not carried: the status to answer with, and what was wrong, in words for the person who sent it.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return fmt.Sprintf("%d: %s", r.status, r.reason) }

func refuse(status int, reason string) error { return &refusal{status, reason} }

// requestHead is what one strict scan finds in a request's head. Its slices point into the scanned buffer and die with it.
type requestHead struct {
	method, target []byte
	host           []byte // of the authority in force: the target's in absolute form, else the Host field's
	http10         bool
	fields         []field // reused from request to request
	framing        framing
	length         int64
	close          bool   // the client wants no further request on this connection
	expect         bool   // Expect: 100-continue
	upgrade        bool   // the connection may become another protocol's, if the backend agrees
	protocol       []byte // which: the value of Upgrade
	lists          bool   // Connection names other fields
	json           bool   // the client asks for JSON
	id             []byte // the value of X-Request-Id; empty is none
}

// headLimits bound what a client may make us read and keep.
type headLimits struct{ bytes, fields int }

// scan reads a request head at the front of p. It returns its length with the empty line, or 0 when p does not hold it whole yet. Every
// error is a *refusal, after which the connection is closed: where one message is malformed, nobody knows where the next begins.
// (RFC 9112 sections 2 to 6, in their strict reading.)
func (h *requestHead) scan(p []byte, limit headLimits) (int, error) {
	*h = requestHead{fields: h.fields[:0]}
	at := 0
	if len(p) > 1 && p[0] == '\r' && p[1] == '\n' {
		at = 2 // one empty line before a request is skipped (RFC 9112, section 2.2)
	}
	for first := true; ; first = false {
		line, err := cutLine(p[at:])
		switch {
		case err != nil:
			return 0, err
		case (line == nil && len(p) >= limit.bytes || len(line) > limit.bytes) && first:
			return 0, refuse(414, "the request's target is too long")
		case line == nil && len(p) >= limit.bytes, at+len(line) > limit.bytes:
			return 0, refuse(431, "the request's head is too large")
		case line == nil && first && at < len(p) && !all(p[at:at+1], isToken) && p[at] != '\r':
			return 0, refuse(400, "this is no request of HTTP/1; a port that speaks TLS is another one") // its line might never end
		case line == nil:
			return 0, nil
		}
		at += len(line)
		content := line[:len(line)-2]
		switch {
		case first:
			err = h.startLine(content)
			h.fields, at = quickFields(h.fields, p, at, limit)
		case len(content) == 0:
			return at, h.settle()
		case len(h.fields) == limit.fields:
			err = refuse(431, "the request has too many header fields")
		default:
			err = h.addField(content, line)
		}
		if err != nil {
			return 0, err
		}
	}
}

// cutLine is the first line of p with its CRLF; nil when it is not whole yet. A CR elsewhere in a whole line is a control byte, which
// what reads the line refuses; in one that is not whole it is refused here, so that nobody waits for the rest.
func cutLine(p []byte) ([]byte, error) {
	lf := bytes.IndexByte(p, '\n')
	if lf > 0 && p[lf-1] == '\r' {
		return p[:lf+1], nil
	}
	if cr := bytes.IndexByte(p, '\r'); lf >= 0 || cr >= 0 && cr+1 < len(p) {
		return nil, refuse(400, "a line does not end with CR LF")
	}
	return nil, nil
}

func (h *requestHead) startLine(line []byte) error {
	method, rest, ok := bytes.Cut(line, []byte(" "))
	target, version, ok2 := bytes.Cut(rest, []byte(" "))
	if !ok || !ok2 || len(method) == 0 || !all(method, isToken) || len(target) == 0 || !all(target, isTarget) {
		return refuse(400, "the request line is malformed")
	}
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		h.http10 = true
	default:
		if rest, ok := bytes.CutPrefix(version, []byte("HTTP/")); ok && len(rest) == 3 && isDigit(rest[0]) && rest[1] == '.' && isDigit(rest[2]) {
			return refuse(505, "this HTTP version is not spoken here")
		}
		return refuse(400, "the request line is malformed")
	}
	h.method, h.target = method, target
	switch string(method) {
	case "CONNECT", "TRACE":
		return refuse(405, "the method is not allowed through this proxy")
	}
	return nil
}

func (h *requestHead) addField(content, line []byte) error {
	name, value, ok := splitField(content)
	if !ok {
		return refuse(400, "a header field is malformed")
	}
	h.fields = addField(h.fields, name, value, line)
	return nil
}

// settle draws the conclusions that need all fields: framing, authority, persistence.
func (h *requestHead) settle() error {
	var hosts, lengths, codings, upgrades int
	asked, closing := false, false
	h.close = h.http10
	for i := range h.fields {
		f := &h.fields[i]
		switch f.kind {
		case hostField:
			hosts++
			h.host = f.value
		case expectField:
			if !same(f.value, "100-continue") {
				return refuse(417, "no expectation but 100-continue is known")
			}
			h.expect = true
		case requestIDField:
			if len(h.id) == 0 {
				h.id = f.value
			}
		case acceptField:
			h.json = h.json || asksForJSON(f.value)
		case upgradeField:
			upgrades++
			h.protocol = f.value
		case connectionField:
			asked = asked || listed(f.value, "upgrade")
			closing = closing || listed(f.value, "close")
			h.close = h.close && !listed(f.value, "keep-alive")
			h.lists = h.lists || !onlyPersistence(f.value)
		case contentLengthField:
			lengths++
			n, ok := parseLength(f.value)
			if !ok {
				return refuse(400, "Content-Length is not a number")
			}
			h.framing, h.length = fixed, n
		case transferEncodingField:
			codings++
			if !same(f.value, "chunked") {
				return refuse(501, "no transfer coding but chunked is known")
			}
		}
	}
	h.close = h.close || closing
	switch {
	case lengths > 1:
		return refuse(400, "more than one Content-Length")
	case codings > 1:
		return refuse(400, "more than one Transfer-Encoding")
	case codings == 1 && lengths == 1:
		return refuse(400, "Content-Length together with Transfer-Encoding")
	case codings == 1 && h.http10:
		return refuse(400, "HTTP/1.0 has no Transfer-Encoding")
	case codings == 1:
		h.framing = chunked
	case h.http10 && lengths == 0 && needsLength(h.method):
		return refuse(411, "a request of HTTP/1.0 that may have a body needs a Content-Length")
	}
	h.upgrade = asked && upgrades == 1 && !h.http10 && (h.framing == noBody || h.framing == fixed && h.length == 0) && switchable(h.protocol)
	return h.authority(hosts)
}

// authority settles which host is meant, and that the target has a form that goes with the method (RFC 9112 section 3.2).
func (h *requestHead) authority(hosts int) error {
	if hosts > 1 || hosts == 0 && !h.http10 || hosts == 1 && !validHost(h.host) {
		return refuse(400, "there must be one valid Host field")
	}
	switch {
	case h.target[0] == '/':
		return nil
	case string(h.target) == "*":
		if string(h.method) == "OPTIONS" {
			return nil
		}
		return refuse(400, "the target * goes with OPTIONS only")
	}
	rest, ok := cutScheme(h.target)
	if !ok {
		return refuse(400, "the request target has no known form")
	}
	host := rest
	if end := bytes.IndexAny(rest, "/?"); end >= 0 {
		host = rest[:end]
	}
	if !validHost(host) || hosts == 1 && !bytes.EqualFold(host, h.host) {
		return refuse(400, "Host and the request target name different hosts")
	}
	h.host = host
	return nil
}

// cutScheme takes http:// or https:// off an absolute target.
func cutScheme(target []byte) ([]byte, bool) {
	for _, scheme := range [...]string{"http://", "https://"} {
		if len(target) > len(scheme) && same(target[:len(scheme)], scheme) {
			return target[len(scheme):], true
		}
	}
	return nil, false
}

// onlyPersistence says that a Connection field names no other field, which is nearly always so.
func onlyPersistence(connection []byte) bool {
	return same(connection, "keep-alive") || same(connection, "close")
}

// listed says whether the comma list holds the lower-case element, case aside.
func listed(list []byte, element string) bool {
	for len(list) > 0 {
		var one []byte
		one, list, _ = bytes.Cut(list, []byte(","))
		if same(trim(one), element) {
			return true
		}
	}
	return false
}

// needsLength says that an HTTP/1.0 request with this method has to have a Content-Length: for some readers its body would end where the
// connection does (RFC 1945, section 8.3).
func needsLength(method []byte) bool {
	switch string(method) {
	case "POST", "PUT", "PATCH":
		return true
	}
	return false
}

// parseLength reads a Content-Length: decimal digits only, at most what an int64 holds.
func parseLength(value []byte) (n int64, ok bool) {
	if len(value) == 0 || len(value) > 18 {
		return 0, false
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// acceptsJSON is what settle finds out, for a head that it does not get to see.
func (h *requestHead) acceptsJSON() bool {
	for i := range h.fields {
		if f := &h.fields[i]; f.kind == acceptField && asksForJSON(f.value) {
			return true
		}
	}
	return false
}
