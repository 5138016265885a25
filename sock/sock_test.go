package sock

import (
	"errors"
	"net"
	"os"
	"sync"
	"testing"

	"sluice/metrics"
)

func pipe(t *testing.T, w *Sweeper) *Sock {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { _ = far.Close() })
	s := w.Add(near)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestASocketIsCutWhenItsExpiryHasPassedAndNotBefore(t *testing.T) {
	t.Parallel()
	var w Sweeper
	s, patient := pipe(t, &w), pipe(t, &w)
	s.Expire(100)
	w.sweep(99)
	if s.WasCut() {
		t.Fatal("cut before its time")
	}
	w.sweep(100)
	if _, err := s.Read(make([]byte, 1)); !s.WasCut() || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("WasCut = %v, Read: %v; want true and a passed deadline", s.WasCut(), err)
	}
	if s.Expire(200) {
		t.Error("a socket that was cut took a new expiry")
	}
	if patient.WasCut() {
		t.Error("a socket without an expiry was cut")
	}
}

func TestANewExpirySavesASocketThatIsNotCutYet(t *testing.T) {
	t.Parallel()
	var w Sweeper
	s := pipe(t, &w)
	s.Expire(100)
	if !s.Expire(300) {
		t.Fatal("Expire = false, want true")
	}
	w.sweep(200)
	if s.WasCut() {
		t.Error("cut although its time was extended")
	}
	s.Cut()
	s.Revive(0)
	if s.WasCut() || !s.Expire(500) {
		t.Error("a revived socket is still cut")
	}
}

func TestTheSweeperForgetsWhatIsClosed(t *testing.T) {
	t.Parallel()
	var w Sweeper
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 100 {
				near, far := net.Pipe()
				s := w.Add(near)
				s.Expire(metrics.Instant(i + 1))
				w.sweep(50)
				_ = s.Close()
				_ = s.Close()
				_ = far.Close()
			}
		})
	}
	all.Wait()
	for i := range w.shards {
		if n := len(w.shards[i].socks); n != 0 {
			t.Errorf("shard %d still holds %d sockets", i, n)
		}
	}
}
