package proxy

import (
	"bytes"
	"encoding/binary"
)

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
	if i == 0 || i == len(line) || line[i] != ':' || !validValue(line[i+1:]) {
		return nil, nil, false
	}
	return line[:i], trim(line[i+1:]), true
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// validValue says whether p has no control byte but tabs. Eight bytes are looked at together (Mycroft's tests for a byte below 0x20 and
// for one that is 0x7f); only where one of them is suspect each is asked.
func validValue(p []byte) bool {
	i := 0
	for ; i+8 <= len(p); i += 8 {
		x := binary.LittleEndian.Uint64(p[i:])
		del := x ^ 0x7f*lowBits
		if ((x-0x20*lowBits)&^x|(del-lowBits)&^del)&highBits != 0 && !all(p[i:i+8], isValue) {
			return false
		}
	}
	return all(p[i:], isValue)
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
