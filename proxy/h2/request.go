package h2

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// appendHead writes a request's head as HTTP/1.1 has it. net/http has checked the fields (names, values, none about a connection); method
// and target are checked here, for what begins a line must not be able to end it. What is wrong with them becomes a request line that the
// exchange refuses.
func appendHead(dst []byte, r *http.Request) []byte {
	method, target := r.Method, r.RequestURI
	if method == http.MethodConnect {
		target = "/"
	}
	if !printable(method) || !printable(target) {
		return append(dst, "-\r\n"...)
	}
	dst = append(append(append(append(dst, method...), ' '), target...), " HTTP/1.1\r\n"...)
	dst = appendField(dst, "Host", r.Host)
	for name, values := range r.Header {
		if name == "Host" || name == "Content-Length" || name == "Transfer-Encoding" || name == "Connection" || name == "Upgrade" {
			continue
		}
		for _, v := range values {
			dst = appendField(dst, name, v)
		}
	}
	if len(r.Trailer) > 0 {
		dst = appendField(dst, "Trailer", strings.Join(slices.Sorted(maps.Keys(r.Trailer)), ", "))
	}
	switch {
	case r.ContentLength < 0:
		dst = appendField(dst, "Transfer-Encoding", "chunked")
	case r.ContentLength > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch:
		dst = appendField(dst, "Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	return append(dst, "\r\n"...)
}

func appendField(dst []byte, name, value string) []byte {
	return append(append(append(append(dst, name...), ": "...), value...), "\r\n"...)
}

// printable says that a text has neither spaces nor control bytes.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// body is a request's body as HTTP/1.1 frames it: as it is where its length is known, else as chunks.
type body struct {
	r     *http.Request
	rest  []byte // framing that did not fit
	ended bool
}

// Room for a chunk's size line and its end.
const (
	sizeRoom = 10
	endRoom  = 2
)

func (b *body) read(p []byte) (int, error) {
	switch {
	case b.r.ContentLength >= 0:
		return b.r.Body.Read(p)
	case len(b.rest) > 0:
		n := copy(p, b.rest)
		b.rest = b.rest[n:]
		return n, nil
	case b.ended:
		return 0, io.EOF
	case len(p) <= sizeRoom+endRoom:
		return b.small(p)
	}
	n, err := b.r.Body.Read(p[sizeRoom : len(p)-endRoom])
	if n > 0 {
		line := append(strconv.AppendUint(make([]byte, 0, sizeRoom), uint64(n), 16), "\r\n"...)
		head := copy(p, line)
		copy(p[head:], p[sizeRoom:sizeRoom+n])
		n = head + n + copy(p[head+n:], "\r\n")
	}
	if err == io.EOF {
		b.finish()
		err = nil
		if n == 0 {
			return b.read(p)
		}
	}
	return n, err
}

// small is read into a buffer that has no room for framing.
func (b *body) small(p []byte) (int, error) {
	var room [64]byte
	n, err := b.read(room[:])
	b.rest = append(append([]byte(nil), room[:n]...), b.rest...)
	if n == 0 {
		return 0, err
	}
	return b.read(p)
}

// finish frames the end, and the trailers that the client announced.
func (b *body) finish() {
	b.ended = true
	b.rest = append(b.rest, "0\r\n"...)
	for name, values := range b.r.Trailer {
		for _, v := range values {
			b.rest = appendField(b.rest, name, v)
		}
	}
	b.rest = append(b.rest, "\r\n"...)
}
