package proxy

import (
	"bytes"
	"errors"
)

// errAnswer is a backend's answer that can't be passed on: the client gets 502 and no byte of it.
var errAnswer = errors.New("malformed answer")

// answerHead is what one strict scan finds in the head of a backend's answer. Its slices point into the scanned buffer and die with it.
type answerHead struct {
	status  int
	line    []byte  // the status line with its CRLF
	fields  []field // reused from answer to answer
	framing framing
	length  int64
	close   bool // the backend takes no further request on this connection
	lists   bool // Connection names other fields
}

// interim says that another head follows (RFC 9110 section 15.2).
func (h *answerHead) interim() bool { return h.status < 200 }

// whole says that the rest of the answer is in p, as far as the head tells.
func (h *answerHead) whole(p []byte) bool {
	return h.framing == noBody || h.framing == fixed && h.length <= int64(len(p))
}

// scan reads an answer's head at the front of p. It returns its length with the empty line, or 0 when p does not hold it whole yet.
// toHEAD says that the request was a HEAD: such an answer has no body, whatever its fields tell (RFC 9112 section 6.3).
func (h *answerHead) scan(p []byte, limit headLimits, toHEAD bool) (int, error) {
	*h = answerHead{fields: h.fields[:0]}
	at := 0
	for {
		line, err := cutLine(p[at:])
		switch {
		case err != nil, line == nil && (len(p) >= limit.bytes || at == 0 && !begins(p)), at+len(line) > limit.bytes:
			return 0, errAnswer
		case line == nil:
			return 0, nil
		}
		content := line[:len(line)-2]
		switch {
		case at == 0:
			if err := h.statusLine(content, line); err != nil {
				return 0, err
			}
			h.fields, at = quickFields(h.fields, p, len(line), limit)
			continue
		case len(content) == 0:
			return at + len(line), h.settle(toHEAD)
		case len(h.fields) == limit.fields:
			return 0, errAnswer
		default:
			name, value, ok := splitField(content)
			if !ok {
				return 0, errAnswer
			}
			h.fields = addField(h.fields, name, value, line)
		}
		at += len(line)
	}
}

// begins says that p, a line without its end, may become a status line. What speaks another protocol may never end one.
func begins(p []byte) bool {
	const prefix = "HTTP/1."
	n := min(len(p), len(prefix))
	return string(p[:n]) == prefix[:n]
}

// statusLine reads "HTTP/1.1 200 OK"; the reason, and the space before it, may be missing.
func (h *answerHead) statusLine(content, line []byte) error {
	const prefix = "HTTP/1.x "
	if len(content) < len(prefix)+3 || !bytes.HasPrefix(content, []byte("HTTP/1.")) || content[8] != ' ' {
		return errAnswer
	}
	minor, code, rest := content[7], content[9:12], content[12:]
	if minor != '0' && minor != '1' || len(rest) > 0 && rest[0] != ' ' || !all(rest, isValue) {
		return errAnswer
	}
	for _, c := range code {
		if c < '0' || c > '9' {
			return errAnswer
		}
		h.status = h.status*10 + int(c-'0')
	}
	if h.status < 100 || h.status > 599 {
		return errAnswer
	}
	h.line, h.close = line, minor == '0'
	return nil
}

// settle draws the conclusions that need all fields. Equal copies of one Content-Length are one; differing ones are nobody's guess.
func (h *answerHead) settle(toHEAD bool) error {
	length, coded, keep, closing := int64(-1), false, false, false
	for i := range h.fields {
		f := &h.fields[i]
		switch f.kind {
		case connectionField:
			keep = keep || listed(f.value, "keep-alive")
			closing = closing || listed(f.value, "close")
			h.lists = h.lists || !onlyPersistence(f.value)
		case contentLengthField:
			n, ok := parseLength(f.value)
			if !ok || length >= 0 && n != length {
				return errAnswer
			}
			if length >= 0 {
				f.line = nil // copies go on as one (RFC 9110, section 8.6)
			}
			length = n
		case transferEncodingField:
			if coded || !same(f.value, "chunked") {
				return errAnswer
			}
			coded = true
		}
	}
	h.close = closing || h.close && (!keep || coded) // HTTP/1.0 has no chunks: their end is in doubt
	switch {
	case coded && length >= 0:
		return errAnswer
	case toHEAD, h.interim(), h.status == 204, h.status == 304:
		h.framing = noBody
	case coded:
		h.framing = chunked
	case length >= 0:
		h.framing, h.length = fixed, length
	default:
		h.framing, h.close = untilClose, true
	}
	return nil
}
