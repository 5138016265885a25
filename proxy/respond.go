package proxy

import "sluice/router"

// noted is what the proxy itself says in an answer that it passes on.
type noted struct {
	requestID       []byte          // for an answer that brings none
	backend, reason string          // of the choice, where debug headers are on
	cookie          []byte          // the whole Set-Cookie line, or nil
	chunked         bool            // the body is framed as chunks, whatever the backend did
	headers         *router.Headers // the route's changes, or nil
	cors            []byte          // what takes the place of the backend's Access-Control fields, or nil
	strip           string          // a field of the backend's that goes no further, in lower case, or ""
	persistence     string          // the whole Connection line, or ""
}

// appendPass writes the head that the client gets of a backend's answer: its status and every field that goes on exactly as it came,
// then ours. The version is our own, 1.1 (RFC 9110, section 2.5).
func (h *answerHead) appendPass(dst []byte, n *noted) []byte {
	dst = append(append(dst, "HTTP/1.1"...), h.line[len("HTTP/1.1"):]...)
	hasID := false
	lines := kept{dst: dst}
	for i := range h.fields {
		f := &h.fields[i]
		if f.line == nil || h.dropped(f) || n.headers != nil && n.headers.Removes(f.name) || n.cors != nil && isCORS(f.name) || n.strip != "" && same(f.name, n.strip) {
			lines.cut()
			continue
		}
		hasID = hasID || f.kind == requestIDField
		lines.keep(f.line)
	}
	lines.cut()
	dst = lines.dst
	if n.chunked {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	dst = append(dst, n.persistence...)
	if !hasID && len(n.requestID) > 0 {
		dst = append(append(append(dst, "X-Request-Id: "...), n.requestID...), "\r\n"...)
	}
	if n.backend != "" {
		dst = appendField(dst, "Sluice-Backend: ", n.backend)
		dst = appendField(dst, "Sluice-Reason: ", n.reason)
	}
	if n.headers != nil {
		dst = append(dst, n.headers.Lines...)
	}
	dst = append(dst, n.cors...)
	dst = append(dst, n.cookie...)
	return append(dst, "\r\n"...)
}

// dropped says whether an answer's field goes no further: what is about the backend's connection, and what only we say.
func (h *answerHead) dropped(f *field) bool {
	if f.kind == oursField || f.kind.hopByHop() {
		return true
	}
	if (h.status == 204 || h.interim()) && f.kind == contentLengthField {
		return true // where there can't be a body, a length is a trap for who reads on (RFC 9110, section 8.6)
	}
	if !h.lists || f.kind.endToEnd() {
		return false
	}
	for i := range h.fields {
		if c := &h.fields[i]; c.kind == connectionField && listedFold(c.value, f.name) {
			return true
		}
	}
	return false
}

const (
	persistClose = "Connection: close\r\n"
	persistKeep  = "Connection: keep-alive\r\n"
)

// isCORS says whether a field is one of CORS's, which a route's own rules replace.
func isCORS(name []byte) bool {
	const prefix = "access-control-"
	return len(name) > len(prefix) && same(name[:len(prefix)], prefix)
}
