// Package memory is a store.Store that ends with the process: for tests and for runs without a state folder.
package memory

import (
	"context"
	"slices"
	"sync"

	"sluice/store"
)

// Store is a store.Store in memory. The zero value is ready.
type Store struct {
	feed store.Feed
	mu   sync.Mutex
	docs map[string]store.Document
}

// Get is store.Store's; it never fails.
func (s *Store) Get(_ context.Context, name string) (store.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.docs[name], nil
}

// Swap is store.Store's; its only error is store.ErrConflict.
func (s *Store) Swap(_ context.Context, name string, version uint64, value []byte) (store.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.docs[name].Version != version {
		return store.Document{}, store.ErrConflict
	}
	var next store.Document
	if value == nil {
		delete(s.docs, name)
	} else {
		if s.docs == nil {
			s.docs = map[string]store.Document{}
		}
		next = store.Document{Version: version + 1, Value: slices.Clone(value)}
		s.docs[name] = next
	}
	s.feed.Send(name, next)
	return next, nil
}

// Hold is store.Store's: memory is as good a place as memory.
func (s *Store) Hold(ctx context.Context, name string, version uint64, value []byte) (store.Document, error) {
	return s.Swap(ctx, name, version, value)
}

// Watch is store.Store's.
func (s *Store) Watch(ctx context.Context, name string) <-chan store.Document {
	return s.feed.Watch(ctx, name)
}
