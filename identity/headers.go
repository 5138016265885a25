package identity

import "slices"

// headerNames is the set of identity headers. Every field line of every request is asked about, so a name of a length
// that no identity header has leaves at once.
type headerNames struct {
	exact   []string // lower case, as configured
	folded  []string // the same with '_' and '.' as '-'
	lengths uint64   // bit n: a name of n bytes exists; bit 63 for all longer ones
}

func newHeaderNames(lists ...[]Source) headerNames {
	var h headerNames
	for _, list := range lists {
		for _, s := range list {
			if s.Header == "" || slices.Contains(h.exact, s.Header) {
				continue
			}
			h.exact = append(h.exact, s.Header)
			h.folded = append(h.folded, foldName(s.Header))
			h.lengths |= 1 << min(len(s.Header), 63)
		}
	}
	return h
}

// IsHeader says whether a field of that name is an identity header or one that an application may take for it: many
// servers turn '-', '_' and '.' of a name into the same character (CGI, RFC 3875, section 4.1.18). Such a line never
// reaches a backend, unless IsExact and sent by a trusted peer.
func (r *Reader) IsHeader(name []byte) bool {
	return r.headers.lengths&(1<<min(len(name), 63)) != 0 && r.headers.has(name)
}

// has is a call of its own, so that the length, which nearly always decides, is none.
func (h *headerNames) has(name []byte) bool {
	for _, s := range h.folded {
		if equalFolded(name, s, foldByte) {
			return true
		}
	}
	return false
}

// IsExact says whether a field of that name is an identity header as it was configured, case aside, and no alias.
func (r *Reader) IsExact(name []byte) bool {
	if r.headers.lengths&(1<<min(len(name), 63)) == 0 {
		return false
	}
	for _, s := range r.headers.exact {
		if equalFolded(name, s, lowerByte) {
			return true
		}
	}
	return false
}

func equalFolded(name []byte, folded string, fold func(byte) byte) bool {
	if len(name) != len(folded) {
		return false
	}
	for i, c := range name {
		if fold(c) != folded[i] {
			return false
		}
	}
	return true
}

func foldName(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = foldByte(c)
	}
	return string(b)
}

func foldByte(c byte) byte {
	if c == '_' || c == '.' {
		return '-'
	}
	return lowerByte(c)
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
