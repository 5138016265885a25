package file_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sluice/store"
	"sluice/store/file"
)

const slot = 32 << 10

// held makes a folder whose document of version 3 is followed by versions 4 and 5 in the reserve.
func held(t *testing.T) (dir, reserve string) {
	t.Helper()
	dir = written(t)
	s := open(t, dir)
	if _, err := s.Swap(t.Context(), "shop", 2, []byte(`{"n":3}`)); err != nil {
		t.Fatal(err)
	}
	hold(t, s, 3, `{"n":4}`)
	hold(t, s, 4, `{"n":5}`)
	_ = s.Close()
	return dir, filepath.Join(dir, "shop.json.reserve")
}

func hold(t *testing.T, s *file.Store, version uint64, value string) {
	t.Helper()
	if d, err := s.Hold(t.Context(), "shop", version, []byte(value)); err != nil || d.Version != version+1 {
		t.Fatalf("Hold = %d, %v, want version %d", d.Version, err, version+1)
	}
}

func expectNext(t *testing.T, dir string, version uint64, value string) {
	t.Helper()
	s := open(t, dir)
	defer func() { _ = s.Close() }()
	if d, err := s.Get(t.Context(), "shop"); err != nil || d.Version != version || compact(d.Value) != value {
		t.Errorf("Get by the next process = %d %s, %v, want version %d %s", d.Version, d.Value, err, version, value)
	}
}

func compact(b []byte) string { return strings.Join(strings.Fields(string(b)), "") }

func TestWhatIsHeldIsThereForTheNextProcess(t *testing.T) {
	t.Parallel()
	dir, _ := held(t)
	expectNext(t, dir, 5, `{"n":5}`)
}

// The state is one that was committed, whatever became of the reserve.
func TestATornReserveIsTheOneBeforeOrNone(t *testing.T) {
	t.Parallel()
	// Version 5 is in the second slot, 4 in the first.
	for name, tt := range map[string]struct {
		spoil func(b []byte) []byte
		value string
		at    uint64
	}{
		"the newer slot is torn": {func(b []byte) []byte { return append(b[:slot+40], bytes.Repeat([]byte("\n"), slot-40)...) }, `{"n":4}`, 4},
		"the newer slot is half the old one": {func(b []byte) []byte {
			copy(b[slot:], strings.Replace(string(b[slot:slot+200]), `"n":5`, `"n":9`, 1))
			return b
		}, `{"n":4}`, 4},
		"both are torn":        {func(b []byte) []byte { b[10], b[slot+10] = 0, 0; return b }, `{"n":3}`, 3},
		"it is empty":          {func([]byte) []byte { return nil }, `{"n":3}`, 3},
		"it is cut":            {func(b []byte) []byte { return b[:slot+200] }, `{"n":3}`, 3},
		"it is longer":         {func(b []byte) []byte { return append(b, '\n') }, `{"n":3}`, 3}, // who wrote it had other slots
		"it is something else": {func(b []byte) []byte { return bytes.Repeat([]byte("x"), len(b)) }, `{"n":3}`, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, reserve := held(t)
			b, err := os.ReadFile(reserve)
			if err == nil {
				err = os.WriteFile(reserve, tt.spoil(b), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			expectNext(t, dir, tt.at, tt.value)
		})
	}
}

func TestAReserveStandsForNoLostDocument(t *testing.T) {
	t.Parallel()
	dir, _ := held(t)
	if err := os.Truncate(filepath.Join(dir, "shop.json"), 30); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	expectLost(t, s)
	if _, err := s.Swap(t.Context(), "shop", 0, []byte(`{"n":6}`)); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	expectNext(t, dir, 1, `{"n":6}`) // of a low version, and all the same newer than the reserve
}

// A crash between the two steps of a beginning leaves nothing old that counts as newer.
func TestAReserveIsGoneBeforeADocumentBeginsAnew(t *testing.T) {
	t.Parallel()
	dir, reserve := held(t)
	for _, name := range []string{"shop.json", "shop.json.bak"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "shop.json.tmp", "in-the-way"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if d, err := s.Get(t.Context(), "shop"); err != nil || d.Version != 0 {
		t.Errorf("Get = %d, %v, want a first start: the reserve is no document", d.Version, err)
	}
	if _, err := s.Swap(t.Context(), "shop", 0, []byte(`{"n":6}`)); err == nil {
		t.Error("Swap = nil, want the stone in its way")
	}
	if _, err := os.Stat(reserve); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the reserve is still there (%v) when the document begins anew", err)
	}
}

func TestASwapEmptiesTheReserveSoThatTheBakCanBePutBack(t *testing.T) {
	t.Parallel()
	dir := written(t)
	s := open(t, dir)
	if _, err := s.Swap(t.Context(), "shop", 2, []byte(`{"n":3}`)); err != nil {
		t.Fatal(err)
	}
	hold(t, s, 3, `{"n":4}`)
	hold(t, s, 4, `{"n":5}`)
	if _, err := s.Swap(t.Context(), "shop", 5, []byte(`{"n":6}`)); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if err := os.Rename(filepath.Join(dir, "shop.json.bak"), filepath.Join(dir, "shop.json")); err != nil {
		t.Fatal(err)
	}
	expectNext(t, dir, 3, `{"n":3}`)
}

func TestAReserveThatIsOlderThanTheDocumentCountsForNothing(t *testing.T) {
	t.Parallel()
	dir, reserve := held(t)
	old, err := os.ReadFile(reserve)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if _, err := s.Swap(t.Context(), "shop", 5, []byte(`{"n":6}`)); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if err := os.WriteFile(reserve, old, 0o600); err != nil { // it could not be emptied
		t.Fatal(err)
	}
	expectNext(t, dir, 6, `{"n":6}`)
}

func TestADocumentThatIsDeletedLeavesNoReserve(t *testing.T) {
	t.Parallel()
	dir, reserve := held(t)
	if _, err := open(t, dir).Swap(t.Context(), "shop", 5, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(reserve); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the reserve is still there: %v", err)
	}
}

// The write that seemed to fail is on disk with the same version: what was held is what counts.
func TestWhatIsHeldCountsBeforeAFileOfTheSameVersion(t *testing.T) {
	t.Parallel()
	dir, _ := held(t)
	other := written(t)
	s := open(t, other)
	for v, value := range []string{`{"n":30}`, `{"n":40}`, `{"n":50}`} {
		if _, err := s.Swap(t.Context(), "shop", uint64(v)+2, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(other, "shop.json"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "shop.json"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	expectNext(t, dir, 5, `{"n":5}`)
}

func TestHoldRefusesWhatHasNoRoom(t *testing.T) {
	t.Parallel()
	dir, reserve := held(t)
	s := open(t, dir)
	if _, err := s.Hold(t.Context(), "shop", 5, []byte(`"`+strings.Repeat("x", slot)+`"`)); err == nil {
		t.Error("Hold of too much = nil, want an error")
	}
	if err := os.Remove(reserve); err != nil {
		t.Fatal(err)
	}
	if err := holdPresent(t, s); err == nil || errors.Is(err, store.ErrConflict) {
		t.Errorf("Hold without a reserve = %v, want a refusal for want of room", err)
	}
	_ = s.Close()
	expectNext(t, dir, 3, `{"n":3}`)
}

func TestAFullDiskHoldsADocument(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Logf("no file system of our own (%v): the tests above have every other way in which a write fails", err)
		return
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	s := open(t, dir)
	if _, err := s.Swap(t.Context(), "shop", 0, []byte(`{"n":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill the disk = %v, want ENOSPC", err)
	}
	if _, err := s.Swap(t.Context(), "shop", 1, []byte(`{"n":2}`)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Swap on a full disk = %v, want ENOSPC", err)
	}
	hold(t, s, 1, `{"n":2}`)
	_ = s.Close()
	expectNext(t, dir, 2, `{"n":2}`)
}

// Where there is no room any more, nothing is written that a full disk would tear.
func TestAReserveOfAnotherSizeTakesNothing(t *testing.T) {
	t.Parallel()
	dir, reserve := held(t)
	s := open(t, dir)
	for _, size := range []int64{0, 100, 1 << 20} {
		if err := os.Truncate(reserve, size); err != nil {
			t.Fatal(err)
		}
		if err := holdPresent(t, s); err == nil || errors.Is(err, store.ErrConflict) {
			t.Errorf("Hold with a reserve of %d bytes = %v, want a refusal for its size", size, err)
		}
		if i, err := os.Stat(reserve); err != nil || i.Size() != size {
			t.Errorf("a reserve of %d bytes has %d afterwards, %v", size, i.Size(), err)
		}
	}
}

// holdPresent is Hold after the document that there is, whichever that is.
func holdPresent(t *testing.T, s *file.Store) error {
	t.Helper()
	d, err := s.Get(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Hold(t.Context(), "shop", d.Version, []byte(`{"n":9}`))
	return err
}
