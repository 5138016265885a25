package file_test

import (
	"errors"
	"os"
	"testing"

	"sluice/store"
	"sluice/store/file"
)

// Who swaps learns that the document is gone, and writes it anew into a folder that is made and locked again.
func TestAFolderThatWasRemovedIsMadeAgain(t *testing.T) {
	t.Parallel()
	dir := written(t)
	s := open(t, dir)
	if _, err := s.Swap(t.Context(), "shop", 2, []byte(`{"n":3}`)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Swap(t.Context(), "shop", 3, []byte(`{"n":4}`)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Swap after the removal = %v, want ErrConflict", err)
	}
	if d, err := s.Get(t.Context(), "shop"); err != nil || d.Version != 0 {
		t.Errorf("Get = %d, %v, want no document", d.Version, err)
	}
	if d, err := s.Swap(t.Context(), "shop", 0, []byte(`{"n":4}`)); err != nil || d.Version != 1 {
		t.Errorf("Swap of a new document = %d, %v, want version 1", d.Version, err)
	}
	var taken *file.InUse
	if _, err := file.Open(dir); !errors.As(err, &taken) {
		t.Errorf("Open by another = %v, want *file.InUse", err)
	}
}
