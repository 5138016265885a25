package rollout

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	// journalKeep decisions of a route are at hand without reading the file.
	journalKeep = 500
	// journalSize is when the file is rotated; journalOld older files are kept.
	journalSize = 16 << 20
	journalOld  = 3
	// journalTail of each file is read back at start.
	journalTail = 4 << 20
	// journalQueue lines wait for a disk that is full; older ones are given up then.
	journalQueue = 10_000
	journalRetry = time.Second
)

// Journal is the record of decisions: one JSON line each, appended to journal.jsonl and rotated by size. Adding never waits for the disk.
type Journal struct {
	path string // "" keeps nothing on disk
	wake chan struct{}

	mu     sync.Mutex
	recent map[string][]Decision // by route, the oldest first
	queue  [][]byte              // lines that are not on disk yet
	failed uint64

	file *os.File // of the writer; nil is closed
	size int64
}

// OpenJournal opens the journal in the folder and reads its newest part; "" is one in memory only. A folder that can't be read is an empty
// journal, and a torn last line is left out: the journal never keeps a process from starting.
func OpenJournal(dir string) *Journal {
	j := &Journal{wake: make(chan struct{}, 1), recent: map[string][]Decision{}}
	if dir == "" {
		return j
	}
	j.path = filepath.Join(dir, "journal.jsonl")
	for _, path := range []string{j.path + ".1", j.path} {
		j.readBack(path)
	}
	return j
}

func (j *Journal) readBack(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > journalTail {
		_, _ = f.Seek(-journalTail, io.SeekEnd) // into some line, which is no JSON then
	}
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		var d Decision
		if json.Unmarshal(line, &d) == nil && d.Route != "" {
			j.keep(d)
		}
		if err != nil {
			return
		}
	}
}

func (j *Journal) keep(d Decision) {
	all := append(j.recent[d.Route], d)
	if len(all) > 2*journalKeep {
		all = slices.Clone(all[len(all)-journalKeep:])
	}
	j.recent[d.Route] = all
}

// Add appends a decision. It is seen by Last at once, and on disk soon after.
func (j *Journal) Add(d Decision) {
	line, err := json.Marshal(d)
	if err != nil {
		panic("bug: a decision is no JSON: " + err.Error())
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.keep(d)
	if j.path == "" {
		return
	}
	if j.queue = append(j.queue, append(line, '\n')); len(j.queue) > journalQueue {
		j.queue = j.queue[1:]
		j.failed++
	}
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// Last gives a route's decisions, the newest first, at most limit and at most the last 500 or so.
func (j *Journal) Last(route string, limit int) []Decision {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := j.recent[route]
	out := slices.Clone(all[max(0, len(all)-max(limit, 0)):])
	slices.Reverse(out)
	return out
}

// WriteErrors counts the writes that failed and the lines that were given up.
func (j *Journal) WriteErrors() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed
}

// Run writes what is added, until ctx ends; then it writes what is left, once.
func (j *Journal) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			err := j.flush()
			if j.file != nil {
				err = errors.Join(err, j.file.Close())
				j.file = nil
			}
			return err
		case <-j.wake:
		}
		if j.flush() != nil {
			select {
			case <-ctx.Done():
			case <-time.After(journalRetry):
			}
			select {
			case j.wake <- struct{}{}:
			default:
			}
		}
	}
}

// flush writes the queue. Lines that could not be written stay in it.
func (j *Journal) flush() error {
	j.mu.Lock()
	lines := slices.Clone(j.queue)
	j.mu.Unlock()
	if len(lines) == 0 {
		return nil
	}
	err := j.write(bytes.Join(lines, nil))
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.failed++
		return err
	}
	// Lines may have been given up meanwhile: what is left of those written goes.
	last := &lines[len(lines)-1][0]
	for i := range j.queue {
		if &j.queue[i][0] == last {
			j.queue = j.queue[i+1:]
			break
		}
	}
	return nil
}

func (j *Journal) write(b []byte) error {
	if err := j.open(); err != nil {
		return err
	}
	if j.size > 0 && j.size+int64(len(b)) > journalSize {
		if err := errors.Join(j.rotate(), j.open()); err != nil {
			return err
		}
	}
	n, err := j.file.Write(b)
	j.size += int64(n)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		_ = j.file.Close() // opened again, the torn line is ended first
		j.file = nil
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// open goes on after a line that a crash tore, and in a new file where somebody has removed the old one.
func (j *Journal) open() error {
	if j.file != nil {
		if _, err := os.Stat(j.path); !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		_ = j.file.Close()
		j.file = nil
	}
	f, err := os.OpenFile(j.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		var last [1]byte
		if _, err = f.ReadAt(last[:], info.Size()-1); err == nil && last[0] != '\n' {
			_, err = f.Write([]byte("\n"))
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open journal: %w", err), f.Close())
	}
	j.file, j.size = f, info.Size()
	return nil
}

func (j *Journal) rotate() error {
	err := j.file.Close()
	j.file = nil
	for i := journalOld - 1; i >= 1; i-- {
		if e := os.Rename(fmt.Sprintf("%s.%d", j.path, i), fmt.Sprintf("%s.%d", j.path, i+1)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return errors.Join(err, os.Rename(j.path, j.path+".1"))
}

// Routes are those that have a decision at hand, by name.
func (j *Journal) Routes() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Sorted(maps.Keys(j.recent))
}
