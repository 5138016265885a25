package sock

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"sluice/metrics"
)

// sweepEvery is how often expiries are looked at.
const sweepEvery = 250 * time.Millisecond

// numShards keeps goroutines that open connections at the same time out of each other's way.
const numShards = 16

// Sweeper enforces the expiries of the sockets it made. The zero Sweeper is ready.
type Sweeper struct {
	next   atomic.Uint32
	shards [numShards]shard
}

// shard is a part of the open sockets.
type shard struct {
	mu    sync.Mutex
	socks []*Sock
	_     [32]byte // a cache line of its own
}

// Add makes a Sock of a connection and watches it until it is closed.
func (w *Sweeper) Add(c net.Conn) *Sock {
	sh := &w.shards[w.next.Add(1)%numShards]
	s := &Sock{Conn: c, shard: sh}
	sh.mu.Lock()
	s.place = len(sh.socks)
	sh.socks = append(sh.socks, s)
	sh.mu.Unlock()
	return s
}

// Close closes the connection and ends the watch. Closing it again does nothing.
func (s *Sock) Close() error {
	sh := s.shard
	sh.mu.Lock()
	open := s.place >= 0
	if open {
		last := len(sh.socks) - 1
		sh.socks[s.place] = sh.socks[last]
		sh.socks[s.place].place = s.place
		sh.socks[last] = nil
		sh.socks = sh.socks[:last]
		s.place = -1
	}
	sh.mu.Unlock()
	if !open {
		return nil
	}
	return s.Conn.Close()
}

// Run sweeps until ctx ends.
func (w *Sweeper) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	p := pace{last: metrics.Now()}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			now := metrics.Now()
			if p.stoodStill(now) {
				tick.Reset(sweepEvery)
				continue
			}
			w.sweep(now)
		}
	}
}

// pace tells whether the process stood still since the last sweep: it was suspended, moved or starved. Every expiry of that while is over
// then, though what was waited for may have arrived, unread. So whoever waits gets until the next sweep to look. A machine that is always
// late puts off so many sweeps in a row and no more.
type pace struct {
	last   metrics.Instant
	spared int
}

const sparedInARow = 4

func (p *pace) stoodStill(now metrics.Instant) bool {
	still := now.Sub(p.last) >= sweepEvery*3/2
	p.last = now
	if !still || p.spared == sparedInARow {
		p.spared = 0
		return false
	}
	p.spared++
	return true
}

func (w *Sweeper) sweep(now metrics.Instant) {
	for i := range w.shards {
		w.shards[i].each(func(s *Sock) { s.sweep(now) })
	}
}

// CutAll cuts every socket there is: the end of all waiting.
func (w *Sweeper) CutAll() {
	for i := range w.shards {
		w.shards[i].each((*Sock).Cut)
	}
}

// each calls f on every open socket of the shard while none can leave it.
func (sh *shard) each(f func(*Sock)) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, s := range sh.socks {
		f(s)
	}
}
