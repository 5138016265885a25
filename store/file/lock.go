package file

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// InUse says that another process has the state folder.
type InUse struct {
	Dir string
	PID int // 0 is unknown
}

func (e *InUse) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("state folder %s is in use by %s: stop it, or give this process a state.dir of its own", e.Dir, who)
}

// lock takes the folder for this process. The kernel gives it up when the process ends, however that happens.
func lock(dir string) (*os.File, error) {
	path := lockPath(dir)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state folder: %w: %s", err, mend(err))
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &InUse{Dir: dir, PID: owner(f)}
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// The number is for people; a full disk may refuse it.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

func lockPath(dir string) string { return filepath.Join(dir, "lock") }

// isAt says that an open file is still the one at path. In doubt it is.
func isAt(f *os.File, path string) bool {
	there, err := os.Stat(path)
	if err != nil {
		return !missing(err)
	}
	open, err := f.Stat()
	return err != nil || os.SameFile(open, there)
}

func owner(f *os.File) int {
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid
}
