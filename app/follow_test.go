package app

import (
	"fmt"
	"testing"

	"sluice/store/file"
)

// Who takes over follows what is in the reserve too: the abort that the process before could not write.
func TestAStateInTheReserveIsFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := file.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	state := func(phase string) []byte { return fmt.Appendf(nil, `{"format": 1, "phase": %q}`, phase) }
	if _, err := s.Swap(t.Context(), "shop", 0, state("Progressing")); err != nil {
		t.Fatal(err)
	}
	seen := filesOf(dir, "shop")
	if _, err := s.Hold(t.Context(), "shop", 1, state("Aborted")); err != nil {
		t.Fatal(err)
	}
	if filesOf(dir, "shop").same(seen) {
		t.Error("nothing looks new after a Hold")
	}
	if got, lost := readState(dir, "shop"); lost || got.Phase != "Aborted" {
		t.Errorf("readState = %s, lost %v, want Aborted", got.Phase, lost)
	}
}
