package proxy

import "bytes"

// Byte classes of RFC 9110 section 5.6.2 (token) and 5.5 (field value), as tables: one load a byte.
const (
	isToken = 1 << iota
	isValue
	isTarget
	isHost
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
		// RFC 3986 section 3.2.2, reg-name. The comma, though allowed there, is left out: it would make a list of hosts look like one.
		if '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || bytes.IndexByte([]byte("-._~%!$&'()*+;="), byte(c)) >= 0 {
			t[c] |= isHost
		}
		if c > ' ' && c < 0x7f && c != '#' {
			t[c] |= isTarget
		}
	}
	return t
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// folded is each byte in lower case.
var folded = func() (t [256]byte) {
	for c := range t {
		t[c] = byte(c)
		if 'A' <= c && c <= 'Z' {
			t[c] |= 0x20
		}
	}
	return t
}()

// all says whether every byte of p is of the class.
func all(p []byte, of uint8) bool {
	for _, c := range p {
		if class[c]&of == 0 {
			return false
		}
	}
	return true
}

// splitField takes `name: value` apart: a token for a name, nothing between it and the colon, no control byte in the value. A line that
// begins with white space (a fold) has no name, and so is none.
func splitField(line []byte) (name, value []byte, ok bool) {
	i := 0
	for i < len(line) && class[line[i]]&isToken != 0 {
		i++
	}
	if i == 0 || i == len(line) || line[i] != ':' || control(line, i+1) < len(line) {
		return nil, nil, false
	}
	return line[:i], trim(line[i+1:]), true
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
func same(p []byte, lower string) bool { return len(p) == len(lower) && sameBytes(p, lower) }

// sameBytes is same for equal lengths; apart from it, so that the comparison of lengths, which nearly always decides, is no call.
func sameBytes(p []byte, lower string) bool {
	for i, c := range p {
		if folded[c] != lower[i] {
			return false
		}
	}
	return true
}
