package proxy

import (
	"bytes"

	"sluice/identity"
)

// appendTrailers writes the last chunk and the trailers that go on: those that would change framing, routing or identity, if the
// receiver merged them into the head (RFC 9110, section 6.5.1), don't.
func appendTrailers(dst, lines []byte, r *identity.Reader) []byte {
	dst = append(dst, "0\r\n"...)
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n') + 1
		line := lines[:end]
		lines = lines[end:]
		name := line[:bytes.IndexByte(line, ':')]
		if forbiddenTrailer(name) || r.IsHeader(name) {
			continue
		}
		dst = append(dst, line...)
	}
	return append(dst, chunkEnd...)
}

func forbiddenTrailer(name []byte) bool {
	if kindOf(name).hopByHop() || kindOf(name).endToEnd() || managedField(name) != free {
		return true
	}
	switch len(name) {
	case 6:
		return same(name, "cookie") || same(name, "expect")
	case 7:
		return same(name, "trailer")
	case 10:
		return same(name, "set-cookie")
	case 13:
		return same(name, "authorization")
	}
	return false
}
