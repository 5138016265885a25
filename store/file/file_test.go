package file_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluice/store"
	"sluice/store/file"
	"sluice/store/storetest"
)

func TestItKeepsWhatEveryStoreKeeps(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, filepath.Join(t.TempDir(), "a", "b")) })
}

func open(t *testing.T, dir string) *file.Store {
	t.Helper()
	s, err := file.Open(dir)
	if err != nil {
		t.Fatalf("Open(%s) = %v", dir, err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// written makes a folder in which shop has been written twice, and nobody holds the lock.
func written(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	for v, value := range []string{`{"n":1}`, `{"n":2}`} {
		if _, err := s.Swap(t.Context(), "shop", uint64(v), []byte(value)); err != nil {
			t.Fatalf("Swap = %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	return dir
}

func TestAnotherProcessFindsTheLastDocumentAndTheOneBeforeAsBak(t *testing.T) {
	t.Parallel()
	dir := written(t)
	d, err := open(t, dir).Get(t.Context(), "shop")
	if err != nil || d.Version != 2 || string(d.Value) != `{
    "n": 2
  }` {
		t.Fatalf("Get = %d %s, %v, want version 2", d.Version, d.Value, err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "shop.json.bak")); err != nil || !strings.Contains(string(b), `"n": 1`) {
		t.Errorf("shop.json.bak = %s, %v, want the document before", b, err)
	}
}

func TestATornAlteredOrForeignDocumentIsUnreadableAndTheBakIsNeverLoaded(t *testing.T) {
	t.Parallel()
	tests := map[string]func(b []byte) []byte{
		"empty":           func([]byte) []byte { return nil },
		"torn":            func(b []byte) []byte { return b[:len(b)/2] },
		"altered value":   func(b []byte) []byte { return []byte(strings.Replace(string(b), `"n": 2`, `"n": 3`, 1)) },
		"altered version": func(b []byte) []byte { return []byte(strings.Replace(string(b), `"version": 2`, `"version": 3`, 1)) },
		"later format":    func(b []byte) []byte { return []byte(strings.Replace(string(b), `"format": 1`, `"format": 2`, 1)) },
		"something else":  func([]byte) []byte { return []byte("[]") },
		"more behind it":  func(b []byte) []byte { return append(b, b...) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := written(t)
			path := filepath.Join(dir, "shop.json")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(b), 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir)
			expectLost(t, s)
			if d, err := s.Swap(t.Context(), "shop", 0, []byte(`{"n":4}`)); err != nil || d.Version != 1 {
				t.Errorf("Swap(0) = %d, %v, want the unreadable document replaced", d.Version, err)
			}
		})
	}
}

func expectLost(t *testing.T, s *file.Store) {
	t.Helper()
	var lost *store.Unreadable
	if d, err := s.Get(t.Context(), "shop"); !errors.As(err, &lost) {
		t.Fatalf("Get = %d %s, %v, want *store.Unreadable", d.Version, d.Value, err)
	}
}

func TestADocumentThatIsGoneWhileItsBakIsThereWasLost(t *testing.T) {
	t.Parallel()
	dir := written(t)
	if err := os.Remove(filepath.Join(dir, "shop.json")); err != nil {
		t.Fatal(err)
	}
	expectLost(t, open(t, dir))
}

func TestASecondProcessIsRefusedWithFolderAndPid(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv("SLUICE_TEST_LOCKED"); dir != "" {
		_, err := file.Open(dir)
		t.Fatalf("Open = %v", err)
	}
	dir := t.TempDir()
	open(t, dir)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "SLUICE_TEST_LOCKED="+dir)
	out, _ := cmd.CombinedOutput()
	want := (&file.InUse{Dir: dir, PID: os.Getpid()}).Error()
	if !strings.Contains(string(out), want) {
		t.Errorf("Open in a second process: %s, want %q", out, want)
	}
}

func TestAFolderThatCanNotBeWrittenIsOpenedAndWorksOnceItCan(t *testing.T) {
	t.Parallel()
	parent := filepath.Join(t.TempDir(), "parent")
	if err := os.WriteFile(parent, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, filepath.Join(parent, "state"))
	if err := s.Probe(); err == nil {
		t.Error("Probe = nil, want an error")
	}
	if d, err := s.Get(t.Context(), "shop"); err != nil || d.Version != 0 {
		t.Errorf("Get = %d, %v, want no document", d.Version, err)
	}
	if _, err := s.Swap(t.Context(), "shop", 0, []byte(`{}`)); err == nil {
		t.Error("Swap = nil, want an error")
	}
	if err := os.Remove(parent); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Swap(t.Context(), "shop", 0, []byte(`{}`)); err != nil {
		t.Errorf("Swap once the folder can be made = %v", err)
	}
	if err := s.Probe(); err != nil {
		t.Errorf("Probe = %v", err)
	}
	if i, err := os.Stat(s.Dir()); err != nil || i.Mode().Perm() != 0o700 {
		t.Errorf("mode of the folder = %v, %v, want 0700", i.Mode(), err)
	}
}

func TestAWriteThatFailsLeavesTheDocumentAsItWas(t *testing.T) {
	t.Parallel()
	dir := written(t)
	s := open(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "shop.json.tmp"), 0o700); err != nil { // the temporary file can't be opened
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "shop.json.tmp", "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Swap(t.Context(), "shop", 2, []byte(`{"n":3}`)); err == nil {
		t.Fatal("Swap = nil, want an error")
	}
	if d, err := s.Get(t.Context(), "shop"); err != nil || d.Version != 2 {
		t.Errorf("Get = %d, %v, want version 2", d.Version, err)
	}
}
