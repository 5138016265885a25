package proxy

import "bytes"

// Byte classes of RFC 9110 section 5.6.2 (token) and 5.5 (field value), as tables: one load a byte.
const (
	isToken = 1 << iota
	isValue
	isTarget
)

var class = classes()

func classes() (t [256]uint8) {
	for c := range 256 {
		if '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), byte(c)) >= 0 {
			t[c] |= isToken
		}
		if c >= ' ' && c != 0x7f || c == '\t' {
			t[c] |= isValue
		}
		if c > ' ' && c < 0x7f && c != '#' {
			t[c] |= isTarget
		}
	}
	return t
}

// all says whether every byte of p is of the class.
func all(p []byte, of uint8) bool {
	for _, c := range p {
		if class[c]&of == 0 {
			return false
		}
	}
	return true
}

// validField says whether line, without its CRLF, is `name: value` with a token for a name, nothing between name and colon, and no
// control byte in the value. A line that begins with white space (a fold) has no name, and so is not.
func validField(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	return colon > 0 && all(line[:colon], isToken) && all(line[colon+1:], isValue)
}

// trim is p without the white space around it that RFC 9110 allows (OWS).
func trim(p []byte) []byte {
	for len(p) > 0 && (p[0] == ' ' || p[0] == '\t') {
		p = p[1:]
	}
	for len(p) > 0 && (p[len(p)-1] == ' ' || p[len(p)-1] == '\t') {
		p = p[:len(p)-1]
	}
	return p
}

// same says whether p is the lower-case text, case aside.
func same(p []byte, lower string) bool {
	if len(p) != len(lower) {
		return false
	}
	for i, c := range p {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
