// Package file is a store.Store in a folder: one NAME.json a document, the version before it as NAME.json.bak for people.
//
// A document is written to a temporary file, synced, renamed, and the folder synced, so that after a crash it is the old
// or the new one. A folder that can't be written can still be read; every Swap tries again, and Hold writes in place where room was
// set aside. Start at Open, then Store.Swap.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"sluice/store"
)

// Store keeps documents in a folder that belongs to one process at a time.
type Store struct {
	dir  string
	feed store.Feed

	mu    sync.Mutex // held while writing: one write at a time
	lock  *os.File   // nil until the folder could be locked
	known map[string]store.Document
	aside map[string]bool // documents that have an empty reserve
}

// Open takes the folder, creating it with mode 0700 when it is missing. The only error is an *InUse: a folder that can't be
// created, locked or written is opened all the same, Probe says why, and each Swap tries again.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir, known: map[string]store.Document{}, aside: map[string]bool{}}
	var taken *InUse
	if err := s.acquire(); errors.As(err, &taken) {
		return nil, err
	}
	return s, nil
}

// Dir is the folder.
func (s *Store) Dir() string { return s.dir }

// Close gives the folder up.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return nil
	}
	err := s.lock.Close()
	s.lock = nil
	return err
}

// Probe tries to write; an error says what has to be done so that Swap can work.
func (s *Store) Probe() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.acquire(); err != nil {
		return err
	}
	path := filepath.Join(s.dir, "probe.tmp")
	err := writeSynced(path, []byte("probe\n"))
	if rm := os.Remove(path); err == nil {
		err = rm
	}
	if err != nil {
		return fmt.Errorf("state folder %s can't be written: %w: %s", s.dir, err, mend(err))
	}
	return nil
}

// Get is store.Store's. A document of which only the .bak is left was lost, and is *store.Unreadable: it is not a first start.
func (s *Store) Get(_ context.Context, name string) (store.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(name)
}

// Swap is store.Store's.
func (s *Store) Swap(ctx context.Context, name string, version uint64, value []byte) (store.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.expect(ctx, name, version); err != nil {
		return store.Document{}, err
	}
	next := store.Document{}
	var err error
	if value == nil {
		err = s.remove(name)
	} else {
		next = store.Document{Version: version + 1, Value: slices.Clone(value)}
		err = s.write(name, next)
	}
	if err != nil {
		return store.Document{}, fmt.Errorf("write state of %q: %w: %s", name, err, mend(err))
	}
	s.known[name] = next
	s.feed.Send(name, next)
	return next, nil
}

// Hold is store.Store's. It works where room was set aside by an earlier Swap, on a full disk and in a folder that may not be written.
func (s *Store) Hold(ctx context.Context, name string, version uint64, value []byte) (store.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.expect(ctx, name, version); err != nil {
		return store.Document{}, err
	}
	next := store.Document{Version: version + 1, Value: slices.Clone(value)}
	if err := writeSlot(s.path(name), next); err != nil {
		return store.Document{}, fmt.Errorf("keep state of %q in its reserve: %w", name, err)
	}
	s.known[name], s.aside[name] = next, false
	s.feed.Send(name, next)
	return next, nil
}

// expect says that the document may be replaced.
func (s *Store) expect(ctx context.Context, name string, version uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.acquire(); err != nil {
		return err
	}
	old, err := s.read(name)
	var unreadable *store.Unreadable
	if err != nil && !errors.As(err, &unreadable) {
		return err
	}
	if old.Version != version {
		return store.ErrConflict
	}
	return nil
}

// Watch is store.Store's. It tells of this process's changes: there are no others while the lock is held.
func (s *Store) Watch(ctx context.Context, name string) <-chan store.Document {
	return s.feed.Watch(ctx, name)
}

// acquire creates and locks the folder unless that is done. Somebody may have removed it, or put another in its place: then it is made and
// locked anew, and the next Swap finds that its document is gone.
func (s *Store) acquire() error {
	if s.lock != nil && !isAt(s.lock, lockPath(s.dir)) {
		_ = s.lock.Close()
		s.lock = nil
	}
	if s.lock != nil {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("create state folder: %w: make its parent writable, or set state.dir", err)
	}
	l, err := lock(s.dir)
	if err != nil {
		return err
	}
	s.lock = l
	clear(s.aside)
	clear(s.known) // another process may have had the folder until now
	return nil
}

// read is the document as this process last saw it: while the lock is held nobody else changes it.
func (s *Store) read(name string) (store.Document, error) {
	if d, ok := s.known[name]; ok {
		return d, nil
	}
	d, err := load(s.path(name))
	if err != nil {
		return store.Document{}, &store.Unreadable{Name: name, Err: err}
	}
	if s.lock != nil {
		s.known[name] = d
	}
	return d, nil
}

func load(path string) (store.Document, error) {
	b, err := os.ReadFile(path)
	if missing(err) {
		if _, err := os.Lstat(path + ".bak"); !missing(err) {
			return store.Document{}, fmt.Errorf("%s is gone and its .bak is there: put it back, or remove the .bak to begin anew", path)
		}
		return store.Document{}, nil
	}
	if err != nil {
		return store.Document{}, fmt.Errorf("%w: %s", err, mend(err))
	}
	d, err := unseal(b)
	if err != nil {
		return store.Document{}, fmt.Errorf("%s: %w", path, err)
	}
	return newest(path, d), nil
}

// missing also holds below something that is no folder.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name+".json") }

func (s *Store) write(name string, d store.Document) error {
	b, err := seal(d)
	if err != nil {
		return err
	}
	path := s.path(name)
	if d.Version == 1 { // it begins anew, and must not be older than what is left of another
		if err := os.Remove(reserveOf(path)); err != nil && !missing(err) {
			return err
		}
	}
	if err := writeSynced(path+".tmp", b); err != nil {
		_ = os.Remove(path + ".tmp")
		return err
	}
	keep(path)
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	if err := syncDir(s.dir); err != nil {
		return err
	}
	if !s.aside[name] {
		s.aside[name] = setAside(path) == nil
	}
	return nil
}

// keep makes the document's present file its .bak. The file itself stays in its place meanwhile: were it renamed, a crash would leave no
// document. A file system without links keeps none: nothing depends on it.
func keep(path string) {
	bak := path + ".bak"
	_ = os.Remove(bak + ".tmp")
	if os.Link(path, bak+".tmp") == nil {
		_ = os.Rename(bak+".tmp", bak)
	}
}

// remove deletes the document last: a .bak alone would stand for a lost one, and a reserve must not outlive it.
func (s *Store) remove(name string) error {
	for _, path := range []string{s.path(name) + ".bak", reserveOf(s.path(name)), s.path(name)} {
		if err := os.Remove(path); err != nil && !missing(err) {
			return err
		}
	}
	return syncDir(s.dir)
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
