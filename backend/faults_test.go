package backend

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"sluice/metrics"
)

func TestPickOutlivesHealthThatChangesUnderIt(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Config{Endpoints: []string{"http://127.0.0.1:1", "http://127.0.0.1:2"}})
	stop := make(chan struct{})
	var flapping sync.WaitGroup
	flapping.Go(func() {
		for healthy := false; ; healthy = !healthy {
			select {
			case <-stop:
				return
			default:
				b.Endpoints()[0].found(healthy, false)
				b.Endpoints()[1].found(healthy, false)
			}
		}
	})
	defer flapping.Wait()
	defer close(stop)
	defer func() {
		if v := recover(); v != nil {
			t.Errorf("Pick panicked: %v", v)
		}
	}()
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		for draw := range uint64(1000) {
			b.Pick(draw | (draw+1)<<32)
		}
	}
}

func TestOpenConnectionsAreCountedExactly(t *testing.T) {
	t.Parallel()
	address, accepted := acceptor(t)
	go func() {
		for c := range accepted {
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	b := newBackend(t, Config{Endpoints: []string{address}, MaxIdle: 2, MaxOpen: 4, IdleTimeout: time.Minute})
	e := b.Endpoints()[0]
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 50 {
				c, err := conn(context.Background(), e, metrics.Now())
				switch {
				case errors.Is(err, ErrBusy):
					continue
				case err != nil:
					t.Error(err)
					return
				}
				if n := e.pool.open.Load(); n < 1 {
					t.Errorf("%d open while one is in use", n)
				}
				if (g+i)%3 == 0 {
					_ = c.Close()
				} else {
					e.Put(c, metrics.Now())
				}
			}
		})
	}
	all.Wait()
	for range 2 { // what is more than MaxIdle lives until no wave has needed it
		e.pool.prune(metrics.Now())
	}
	if n := e.pool.open.Load(); n != int64(len(e.pool.idle)) || n > 2 {
		t.Errorf("%d open, %d idle; want the same, at most 2", n, len(e.pool.idle))
	}
	e.pool.close()
	if n := e.pool.open.Load(); n != 0 {
		t.Errorf("%d open at the end, want 0", n)
	}
}
