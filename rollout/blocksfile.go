package rollout

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sluice/analysis"
)

const (
	// blocksPart is when an attempt's file is put aside and another begins; one that was put aside before it is removed.
	blocksPart = 16 << 20
	// blocksAttempts of a route are kept, and of all routes the newest that are blocksTotal bytes together.
	blocksAttempts = 5
	blocksTotal    = 256 << 20

	blocksSuffix = ".blocks"
	blocksOld    = ".1"
)

// blockFile is an attempt's log as the writer has it. Blocks.disk guards it.
type blockFile struct {
	dir, route string
	queue      *blockQueue
	attempt    string   // whose log is open
	file       *os.File // nil is closed
	part, size int64
	unsynced   bool
	told       bool    // that it is full
	waiting    []chunk // taken from the queue, those from done on are not written yet
	done       int
}

func blocksPath(dir, route, attempt string) string {
	return filepath.Join(dir, route+"."+attempt+blocksSuffix)
}

func (f *blockFile) path() string { return blocksPath(f.dir, f.route, f.attempt) }

// write appends a chunk, whole or not at all. anew says that the log should go on with the evidence, in another file.
func (f *blockFile) write(c *chunk) (anew bool, err error) {
	if anew, err = f.open(c); err != nil {
		return false, err
	}
	n, err := f.file.Write(c.log)
	if err != nil {
		if n > 0 && f.file.Truncate(f.size) != nil {
			_ = f.close() // opened again, what was torn is cut off
		}
		return false, err
	}
	f.size += int64(n)
	f.unsynced = true
	if full := f.size > f.part && !f.told; full {
		f.told, anew = true, true
	}
	return anew, nil
}

// open has the chunk's file open: another attempt's, the next part's, or the one that a process before this one wrote. lost says that it begins
// anew although the log was begun.
func (f *blockFile) open(c *chunk) (lost bool, err error) {
	if f.attempt != c.attempt {
		f.sync()
		_ = f.close()
		f.attempt = c.attempt
		f.prune()
	}
	if f.file != nil {
		if _, err := os.Stat(f.path()); errors.Is(err, fs.ErrNotExist) {
			_ = f.close()
			lost = true
		}
	}
	if c.part && !lost {
		f.sync()
		if err := errors.Join(f.close(), os.Rename(f.path(), f.path()+blocksOld)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	c.part = false
	if f.file != nil {
		return false, nil
	}
	return lost, f.reopen()
}

// reopen goes on after the last whole record. What is no log of this version is put aside.
func (f *blockFile) reopen() error {
	file, err := os.OpenFile(f.path(), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(f.path())
	whole := 0
	if err == nil && len(text) > 0 {
		if whole, err = analysis.WholeLog(text); err != nil && len(text) > len(analysis.LogHeader) {
			if err := errors.Join(file.Close(), os.Rename(f.path(), f.path()+blocksOld)); err != nil {
				return err
			}
			return f.reopen()
		}
		err = file.Truncate(int64(whole))
	}
	if err == nil && whole == 0 {
		_, err = file.WriteString(analysis.LogHeader)
		whole = len(analysis.LogHeader)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size, f.told = file, int64(whole), false
	return nil
}

func (f *blockFile) sync() {
	if f.file != nil && f.unsynced {
		f.unsynced = f.file.Sync() != nil
	}
}

func (f *blockFile) close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// kept is one attempt's log in the folder.
type kept struct {
	route, attempt string
	size           int64
}

// prune removes the logs of old attempts, never one that is being written.
func (f *blockFile) prune() {
	logs := listBlocks(f.dir)
	slices.SortFunc(logs, func(a, b kept) int { return strings.Compare(b.attempt, a.attempt) }) // by time, the newest first
	of, total := map[string]int{f.route: 1}, 2*f.part
	for _, l := range logs {
		if l.route == f.route && l.attempt == f.attempt {
			continue
		}
		of[l.route]++
		total += l.size
		if of[l.route] > blocksAttempts || of[l.route] > 1 && total > blocksTotal {
			path := blocksPath(f.dir, l.route, l.attempt)
			_ = os.Remove(path)
			_ = os.Remove(path + blocksOld)
		}
	}
}

// listBlocks is every log in the folder.
func listBlocks(dir string) (all []kept) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		name, ok := strings.CutSuffix(strings.TrimSuffix(e.Name(), blocksOld), blocksSuffix)
		route, attempt, dotted := strings.Cut(name, ".")
		if !ok || !dotted || !isAttempt(attempt) {
			continue
		}
		size := int64(0)
		if info, err := e.Info(); err == nil {
			size = info.Size()
		}
		i := slices.IndexFunc(all, func(k kept) bool { return k.route == route && k.attempt == attempt })
		if i < 0 {
			all = append(all, kept{route: route, attempt: attempt})
			i = len(all) - 1
		}
		all[i].size += size
	}
	return all
}

// isAttempt says that a text can be an attempt's id, and thus a part of a file's name.
func isAttempt(id string) bool {
	return len(id) == 26 && !strings.ContainsFunc(id, func(r rune) bool { return !strings.ContainsRune(crockford, r) })
}

// ReadBlocks is an attempt's log as it is in a state folder, its parts in one; nil when there is none.
func ReadBlocks(dir, route, attempt string) ([]byte, error) {
	if !isAttempt(attempt) || route == "" || strings.ContainsAny(route, "./\\") {
		return nil, &Invalid{Reason: fmt.Sprintf("%q is no attempt's id", attempt)}
	}
	var log []byte
	for _, path := range []string{blocksPath(dir, route, attempt) + blocksOld, blocksPath(dir, route, attempt)} {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the block log: %w", err)
		}
		if len(log) > 0 {
			text = bytes.TrimPrefix(text, []byte(analysis.LogHeader))
		}
		log = append(log, text...)
	}
	return log, nil
}
