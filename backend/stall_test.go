package backend

import (
	"context"
	"syscall"
	"testing"
	"time"
)

// stall is a dialer's Control that keeps the first dials for longer than their time, as a process that stands still does.
func stall(dials *int, first int, most time.Duration) func(string, string, syscall.RawConn) error {
	return func(string, string, syscall.RawConn) error {
		*dials++
		if *dials <= first {
			<-time.After(most)
		}
		return nil
	}
}

func TestATimeoutThatComesLateIsNotTheEndpoints(t *testing.T) {
	t.Parallel()
	url, _ := acceptor(t)
	b := newBackend(t, Config{Endpoints: []string{url}})
	e, dials := b.Endpoints()[0], 0
	e.pool.dial.Timeout = 50 * time.Millisecond
	e.pool.dial.Control = stall(&dials, 1, 200*time.Millisecond)
	c, err := e.Dial(context.Background())
	if err != nil || dials != 2 {
		t.Fatalf("Dial = %v after %d dials, want a connection at the second", err, dials)
	}
	_ = c.Close()
	if n := e.pool.open.Load(); n != 0 {
		t.Errorf("%d connections are counted as open, want 0", n)
	}
}

func TestALateTimeoutIsForgivenOnceAndNotBeyondTheRequestsTime(t *testing.T) {
	t.Parallel()
	url, _ := acceptor(t)
	b := newBackend(t, Config{Endpoints: []string{url}})
	e, dials := b.Endpoints()[0], 0
	e.pool.dial.Timeout = 50 * time.Millisecond
	e.pool.dial.Control = stall(&dials, 10, 200*time.Millisecond)
	if _, err := e.Dial(context.Background()); err == nil || dials != 2 {
		t.Errorf("Dial = %v after %d dials, want an error after two", err, dials)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	dials = 0
	if _, err := e.Dial(ctx); err == nil || dials != 1 {
		t.Errorf("Dial = %v after %d dials, want an error after one: the request's time is over", err, dials)
	}
	if n := e.pool.open.Load(); n != 0 {
		t.Errorf("%d connections are counted as open, want 0", n)
	}
}
