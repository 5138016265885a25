package file_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/store/file"
)

// inChild runs this test again in a process of its own, for what changes a whole process; true is said in the child. env are NAME=VALUE.
func inChild(t *testing.T, env ...string) bool {
	t.Helper()
	if os.Getenv("SLUICE_TEST_CHILD") == t.Name() {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(append(os.Environ(), "SLUICE_TEST_CHILD="+t.Name()), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	}
	return false
}

// expectKept: after a write that failed the document is what it was, here and for the next process, and the next write works.
func expectKept(t *testing.T, s *file.Store, mend func()) {
	t.Helper()
	if d, err := s.Get(t.Context(), "shop"); err != nil || d.Version != 2 {
		t.Errorf("Get after the failure = %d, %v, want version 2", d.Version, err)
	}
	if err := s.Probe(); err == nil {
		t.Error("Probe = nil, want the failure")
	}
	mend()
	if err := s.Probe(); err != nil {
		t.Errorf("Probe once it is mended = %v", err)
	}
	if d, err := s.Swap(t.Context(), "shop", 2, []byte(`{"n":3}`)); err != nil || d.Version != 3 {
		t.Errorf("Swap once it is mended = %d, %v, want version 3", d.Version, err)
	}
	_ = s.Close()
	if d, err := open(t, s.Dir()).Get(t.Context(), "shop"); err != nil || d.Version != 3 {
		t.Errorf("Get by the next process = %d, %v, want version 3", d.Version, err)
	}
}

func TestAFullDiskKeepsTheDocument(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Logf("no file system of our own (%v): TestAFileThatMayNotGrowKeepsTheDocument has the limit of a process", err)
		return
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	s := open(t, dir)
	for v, value := range []string{`{"n":1}`, `{"n":2}`} {
		if _, err := s.Swap(t.Context(), "shop", uint64(v), []byte(value)); err != nil {
			t.Fatalf("Swap = %v", err)
		}
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill the disk = %v, want ENOSPC", err)
	}
	if _, err := s.Swap(t.Context(), "shop", 2, []byte(`{"n":3}`)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Swap on a full disk = %v, want ENOSPC", err)
	}
	expectKept(t, s, func() { _ = os.Remove(ballast) })
}

func TestAFileThatMayNotGrowKeepsTheDocument(t *testing.T) {
	if !inChild(t) {
		return
	}
	dir := written(t)
	s := open(t, dir)
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 3, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Swap(t.Context(), "shop", 2, []byte(`{"n":3}`))
	probe := s.Probe()
	if e := unix.Setrlimit(unix.RLIMIT_FSIZE, &before); e != nil {
		t.Fatal(e)
	}
	if !errors.Is(err, syscall.EFBIG) || probe == nil {
		t.Errorf("Swap = %v, Probe = %v, want EFBIG", err, probe)
	}
	if d, err := s.Get(t.Context(), "shop"); err != nil || d.Version != 2 {
		t.Errorf("Get = %d, %v, want version 2", d.Version, err)
	}
	if d, err := s.Swap(t.Context(), "shop", 2, []byte(`{"n":3}`)); err != nil || d.Version != 3 {
		t.Errorf("Swap once it may grow = %d, %v, want version 3", d.Version, err)
	}
}

// asNobody gives root's powers up in the child, so that modes and owners count.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Getuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAForeignDocumentIsUnreadableAndNoFirstStart(t *testing.T) {
	if os.Getenv("SLUICE_TEST_CHILD") == "" {
		dir := written(t)
		lockOut(t, dir, filepath.Join(dir, "shop.json"))
		inChild(t, "SLUICE_TEST_DIR="+dir)
		return
	}
	asNobody(t)
	s := open(t, os.Getenv("SLUICE_TEST_DIR"))
	expectLost(t, s)
}

// lockOut makes path unreadable for everyone but root, and the folder free for all.
func lockOut(t *testing.T, dir, path string) {
	t.Helper()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"lock", "shop.json", "shop.json.bak"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o000); err != nil {
		t.Fatal(err)
	}
}

func TestAReadOnlyFolderIsReadAndNotWritten(t *testing.T) {
	if os.Getenv("SLUICE_TEST_CHILD") == "" {
		dir := written(t)
		lockOut(t, dir, filepath.Join(dir, "shop.json.bak"))
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		inChild(t, "SLUICE_TEST_DIR="+dir)
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		return
	}
	asNobody(t)
	s := open(t, os.Getenv("SLUICE_TEST_DIR"))
	if d, err := s.Get(t.Context(), "shop"); err != nil || d.Version != 2 {
		t.Errorf("Get = %d, %v, want version 2", d.Version, err)
	}
	if err := s.Probe(); !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "writable") {
		t.Errorf("Probe = %v, want EACCES and what to do", err)
	}
	if _, err := s.Swap(t.Context(), "shop", 2, []byte(`{"n":3}`)); !errors.Is(err, syscall.EACCES) {
		t.Errorf("Swap = %v, want EACCES", err)
	}
}

// A folder that can't be opened can't be synced: the write is not known to be safe, so it has failed, and the same call works later.
func TestAFolderThatCanNotBeSyncedFailsTheWriteWhichMayBeRepeated(t *testing.T) {
	if !inChild(t) {
		return
	}
	asNobody(t)
	dir, err := os.MkdirTemp("", "sync")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := open(t, dir)
	for v, value := range []string{`{"n":1}`, `{"n":2}`} {
		if _, err := s.Swap(t.Context(), "shop", uint64(v), []byte(value)); err != nil {
			t.Fatalf("Swap = %v", err)
		}
	}
	if err := os.Chmod(dir, 0o300); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Swap(t.Context(), "shop", 2, []byte(`{"n":3}`)); !errors.Is(err, syscall.EACCES) {
		t.Errorf("Swap without a sync of the folder = %v, want EACCES", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Swap(t.Context(), "shop", 2, []byte(`{"n":4}`)); err != nil || d.Version != 3 {
		t.Errorf("the same Swap again = %d, %v, want version 3", d.Version, err)
	}
	_ = s.Close()
	if d, err := open(t, dir).Get(t.Context(), "shop"); err != nil || d.Version != 3 || !strings.Contains(string(d.Value), `"n": 4`) {
		t.Errorf("Get by the next process = %d %s, %v, want version 3", d.Version, d.Value, err)
	}
}
