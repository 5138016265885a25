// Package storetest is the one suite that every store.Store passes.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/store"
)

// Run tests the stores that open makes; each call gives an empty one.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	tests := map[string]func(*testing.T, store.Store){
		"a document that was never written has version 0 and no value":    missing,
		"a swap with the present version is read back, any other refused": swap,
		"a nil value deletes the document":                                remove,
		"documents do not touch each other":                               apart,
		"of many who swap the same version exactly one succeeds":          race,
		"a watcher gets the newest document and no more after its end":    watch,
		"what is held is read back until the next swap":                   hold,
		"a value that was handed over may be changed afterwards":          handedOver,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func missing(t *testing.T, s store.Store) { expect(t, s, "shop", 0, "") }

func swap(t *testing.T, s store.Store) {
	mustSwap(t, s, "shop", 0, `{"n": 1, "text": "<&>"}`, 1)
	expect(t, s, "shop", 1, `{"n":1,"text":"<&>"}`)
	mustSwap(t, s, "shop", 1, `{"n":2}`, 2)
	for _, stale := range []uint64{0, 1, 3} {
		if _, err := s.Swap(t.Context(), "shop", stale, []byte(`{"n":3}`)); !errors.Is(err, store.ErrConflict) {
			t.Errorf("Swap(version %d) = %v, want ErrConflict", stale, err)
		}
	}
	expect(t, s, "shop", 2, `{"n":2}`)
}

func remove(t *testing.T, s store.Store) {
	mustSwap(t, s, "shop", 0, `{"n":1}`, 1)
	mustSwap(t, s, "shop", 1, `{"n":2}`, 2)
	if _, err := s.Swap(t.Context(), "shop", 2, nil); err != nil {
		t.Fatalf("Swap(nil) = %v", err)
	}
	expect(t, s, "shop", 0, "")
	mustSwap(t, s, "shop", 0, `{"n":3}`, 1)
}

func hold(t *testing.T, s store.Store) {
	mustSwap(t, s, "shop", 0, `{"n":1}`, 1)
	for v := uint64(1); v < 4; v++ {
		if d, err := s.Hold(t.Context(), "shop", v, fmt.Appendf(nil, `{"held":%d}`, v)); err != nil || d.Version != v+1 {
			t.Fatalf("Hold(version %d) = %d, %v, want version %d", v, d.Version, err, v+1)
		}
		expect(t, s, "shop", v+1, fmt.Sprintf(`{"held":%d}`, v))
	}
	if _, err := s.Hold(t.Context(), "shop", 1, []byte(`{}`)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Hold of another version = %v, want ErrConflict", err)
	}
	mustSwap(t, s, "shop", 4, `{"n":5}`, 5)
	expect(t, s, "shop", 5, `{"n":5}`)
	if _, err := s.Swap(t.Context(), "shop", 5, nil); err != nil {
		t.Fatalf("Swap(nil) = %v", err)
	}
	expect(t, s, "shop", 0, "")
}

func apart(t *testing.T, s store.Store) {
	mustSwap(t, s, "shop", 0, `{"n":1}`, 1)
	mustSwap(t, s, "cart", 0, `{"n":2}`, 1)
	expect(t, s, "shop", 1, `{"n":1}`)
	expect(t, s, "cart", 1, `{"n":2}`)
}

func race(t *testing.T, s store.Store) {
	var wg sync.WaitGroup
	won := make(chan int, 16)
	for i := range cap(won) {
		wg.Go(func() {
			if _, err := s.Swap(t.Context(), "shop", 0, fmt.Appendf(nil, `{"n":%d}`, i)); err == nil {
				won <- i
			} else if !errors.Is(err, store.ErrConflict) {
				t.Errorf("Swap = %v, want ErrConflict", err)
			}
		})
	}
	wg.Wait()
	close(won)
	winner, more := <-won
	if _, second := <-won; !more || second {
		t.Fatalf("not exactly one swap succeeded")
	}
	expect(t, s, "shop", 1, fmt.Sprintf(`{"n":%d}`, winner))
}

func watch(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	ch := s.Watch(ctx, "shop")
	for v := range uint64(3) {
		mustSwap(t, s, "shop", v, fmt.Sprintf(`{"n":%d}`, v+1), v+1)
	}
	for d := range within(t, ch) {
		if d.Version == 3 {
			break
		}
	}
	cancel()
	for range within(t, ch) {
		t.Error("a document came after the watch had ended")
	}
}

func handedOver(t *testing.T, s store.Store) {
	value := []byte(`{"n":1}`)
	if _, err := s.Swap(t.Context(), "shop", 0, value); err != nil {
		t.Fatalf("Swap = %v", err)
	}
	value[5] = '9'
	expect(t, s, "shop", 1, `{"n":1}`)
}

// within ranges over a channel, and fails the test when nothing comes.
func within(t *testing.T, ch <-chan store.Document) func(func(store.Document) bool) {
	return func(yield func(store.Document) bool) {
		for {
			select {
			case d, ok := <-ch:
				if !ok || !yield(d) {
					return
				}
			case <-time.After(10 * time.Second):
				t.Fatal("nothing came from Watch")
			}
		}
	}
}

func mustSwap(t *testing.T, s store.Store, name string, version uint64, value string, want uint64) {
	t.Helper()
	d, err := s.Swap(t.Context(), name, version, []byte(value))
	if err != nil || d.Version != want {
		t.Fatalf("Swap(%s, %d) = version %d, %v, want version %d", name, version, d.Version, err, want)
	}
}

func expect(t *testing.T, s store.Store, name string, version uint64, value string) {
	t.Helper()
	d, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatalf("Get(%s) = %v", name, err)
	}
	var got strings.Builder
	if d.Value != nil {
		var v any
		if err := json.Unmarshal(d.Value, &v); err != nil {
			t.Fatalf("Get(%s) = %q, no JSON: %v", name, d.Value, err)
		}
		enc := json.NewEncoder(&got)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(v)
	}
	if d.Version != version || strings.TrimSpace(got.String()) != value {
		t.Fatalf("Get(%s) = version %d %s, want version %d %s", name, d.Version, got.String(), version, value)
	}
}
