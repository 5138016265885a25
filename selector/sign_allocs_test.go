//go:build !race

package selector

import "testing"

// The race detector empties pools at random, so it is not asked.
func TestCheckingASignedCookieAllocatesNothing(t *testing.T) {
	s := NewSigner([]byte("secret"))
	value := []byte("abcdefghijklmnopqrstuv")
	signed := s.Append(nil, value)
	if n := testing.AllocsPerRun(100, func() { _, _ = s.Open(signed) }); n != 0 {
		t.Errorf("Open takes %v allocations, want none", n)
	}
}
