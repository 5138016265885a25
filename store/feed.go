package store

import (
	"context"
	"sync"
)

// Feed tells watchers of one process about changes; the zero value is ready.
type Feed struct {
	mu       sync.Mutex
	watchers map[string]map[chan Document]struct{} // by name
}

// Watch is Store.Watch for changes that Send is told.
func (f *Feed) Watch(ctx context.Context, name string) <-chan Document {
	ch := make(chan Document, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers == nil {
		f.watchers = map[string]map[chan Document]struct{}{}
	}
	if f.watchers[name] == nil {
		f.watchers[name] = map[chan Document]struct{}{}
	}
	f.watchers[name][ch] = struct{}{}
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers[name], ch)
		close(ch)
	})
	return ch
}

// Send tells the watchers of name. It never waits: a watcher that has not taken the last document gets this one instead.
func (f *Feed) Send(name string, d Document) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ch := range f.watchers[name] {
		select {
		case <-ch:
		default:
		}
		ch <- d // has room: only Send sends, under the lock
	}
}
