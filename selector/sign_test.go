package selector

import (
	"strings"
	"testing"
)

func TestASignedCookieIsTakenAndAChangedOneIsNot(t *testing.T) {
	s := NewSigner([]byte("a secret that nobody can guess, as it is long"))
	value := AppendCookieID(nil, Draw{Hi: 1, Lo: 2}, 1_800_000_000)
	signed := s.Append(append([]byte(nil), value...), value)
	if got, ok := s.Open(signed); !ok || string(got) != string(value) {
		t.Fatalf("Open(%q) = %q, %v", signed, got, ok)
	}
	for i := range signed {
		changed := append([]byte(nil), signed...)
		if changed[i]++; changed[i] == '/' {
			changed[i]++
		}
		if got, ok := s.Open(changed); ok {
			t.Errorf("Open(%q) = %q", changed, got)
		}
	}
	for _, bad := range []string{"", ".", string(value), string(value) + ".", string(signed) + "A", string(signed[1:]), strings.Repeat("a", 5000), string(NewSigner([]byte("x")).Append(value, value))} {
		if got, ok := s.Open([]byte(bad)); ok {
			t.Errorf("Open(%q) = %q", bad, got)
		}
	}
}
