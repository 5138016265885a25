package proxy

import (
	"bytes"
	"strconv"

	"github.com/valyala/fasthttp"
)

// page is an answer of our own: a status, and one line that says what happened. Nothing of a backend's answer is ever in it.
type page struct {
	status      int
	reason      string // of ours: no quotes, no line ends
	requestID   []byte // whatever the client sent for one
	persistence string // the whole Connection line, or ""
	head        bool   // the answer to a HEAD: no body
	extra       []byte // whole field lines, or nil
	json        bool   // the client asks for JSON: RFC 9457 instead of text
}

// append writes the page. No cache may keep it: what went wrong for one client is not the answer for the next.
func (p *page) append(dst []byte) []byte {
	var room [512]byte
	if p.status == 204 {
		dst = append(append(append(dst, "HTTP/1.1 204 No Content\r\n"...), p.persistence...), "X-Request-Id: "...)
		return append(append(append(append(dst, p.requestID...), "\r\n"...), p.extra...), "\r\n"...)
	}
	kind, body := "text/plain; charset=utf-8", p.text(room[:0])
	if p.json {
		kind, body = "application/problem+json", p.problem(room[:0])
	}
	dst = strconv.AppendInt(append(dst, "HTTP/1.1 "...), int64(p.status), 10)
	dst = append(append(append(dst, ' '), fasthttp.StatusMessage(p.status)...), "\r\n"...)
	dst = append(append(append(dst, "Content-Type: "...), kind...), "\r\nCache-Control: no-store\r\nContent-Length: "...)
	dst = append(append(strconv.AppendInt(dst, int64(len(body)), 10), "\r\n"...), p.persistence...)
	if len(p.requestID) > 0 {
		dst = append(append(append(dst, "X-Request-Id: "...), p.requestID...), "\r\n"...)
	}
	dst = append(append(dst, p.extra...), "\r\n"...)
	if p.head {
		return dst
	}
	return append(dst, body...)
}

func (p *page) text(dst []byte) []byte {
	dst = strconv.AppendInt(dst, int64(p.status), 10)
	dst = append(append(dst, ' '), fasthttp.StatusMessage(p.status)...)
	dst = append(append(dst, ": "...), p.reason...)
	if quotable(p.requestID) {
		dst = append(append(append(dst, " (request "...), p.requestID...), ')')
	}
	return append(dst, '\n')
}

func (p *page) problem(dst []byte) []byte {
	dst = append(append(append(dst, `{"type":"about:blank","title":"`...), fasthttp.StatusMessage(p.status)...), `","status":`...)
	dst = strconv.AppendInt(dst, int64(p.status), 10)
	dst = append(append(append(dst, `,"detail":"`...), p.reason...), '"')
	if quotable(p.requestID) {
		dst = append(append(append(dst, `,"requestId":"`...), p.requestID...), '"')
	}
	return append(dst, "}\n"...)
}

// maxQuotedID is the longest request id that a page repeats.
const maxQuotedID = 128

// quotable says whether a request id can stand in a page as it is; the header has it in any case.
func quotable(id []byte) bool {
	for _, c := range id {
		if c <= ' ' || c > '~' || bytes.IndexByte([]byte(`"\<>&`), c) >= 0 {
			return false
		}
	}
	return len(id) > 0 && len(id) <= maxQuotedID
}

// asksForJSON says whether an Accept field names JSON, or a problem in it. Who names neither gets text, as a person reads it.
func asksForJSON(accept []byte) bool {
	if same(accept, "application/json") {
		return true // what programs send
	}
	if bytes.IndexByte(accept, 'j') < 0 && bytes.IndexByte(accept, 'J') < 0 {
		return false // nearly always
	}
	for rest := accept; len(rest) > 0; {
		var one []byte
		one, rest, _ = bytes.Cut(rest, []byte(","))
		kind, weight, _ := bytes.Cut(one, []byte(";"))
		kind = trim(kind)
		if (same(kind, "application/json") || same(kind, "application/problem+json")) && !refusedWeight(weight) {
			return true
		}
	}
	return false
}

// refusedWeight says that a media range is named to be refused: q=0 (RFC 9110, section 12.4.2).
func refusedWeight(parameters []byte) bool {
	for len(parameters) > 0 {
		var one []byte
		one, parameters, _ = bytes.Cut(parameters, []byte(";"))
		if q, ok := bytes.CutPrefix(trim(one), []byte("q=")); ok {
			return len(bytes.Trim(q, "0.")) == 0
		}
	}
	return false
}
