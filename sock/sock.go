// Package sock is a TCP connection with an expiry instead of deadlines, and the one goroutine that enforces them.
//
// A deadline set for each request costs more than the rest of the request's bookkeeping (6 to 11 % of its CPU time), so a
// socket carries the instant at which its owner's patience ends, and a Sweeper looks at all of them four times a second.
// Nobody waits longer than expiry plus one sweep. It neither reads nor writes. Start at Sock.Expire.
package sock

import (
	"net"
	"sync/atomic"
	"time"

	"sluice/metrics"
)

// Sock is a connection with an expiry. One goroutine owns it at a time; only the owner closes it.
type Sock struct {
	net.Conn
	// expiry is a metrics.Instant, never, or cut. Written by the owner, and once by the sweeper, who turns a passed
	// instant into cut.
	expiry atomic.Int64
	// writes is the same for writes alone, of the goroutine that writes: another may be reading, with another patience.
	writes atomic.Int64
	// shard and place say where the sweeper keeps it; guarded by the shard's lock.
	shard *shard
	place int
}

const (
	never = 0
	cut   = -1
)

// Expire sets the instant from which on reads and writes fail; 0 is never. It returns false when the sweeper has cut the
// socket already: then the time was over, and the owner closes it.
func (s *Sock) Expire(at metrics.Instant) bool {
	for {
		old := s.expiry.Load()
		switch old {
		case cut:
			return false
		case int64(at):
			return true // no write: who sets never often finds it
		}
		if s.expiry.CompareAndSwap(old, int64(at)) {
			return true
		}
	}
}

// Expiry is what Expire set last, 0 for never; below 0 the socket was cut.
func (s *Sock) Expiry() metrics.Instant { return metrics.Instant(s.expiry.Load()) }

// ExpireWrite sets the instant from which on a write that is under way fails, and the socket with it; 0 is never.
func (s *Sock) ExpireWrite(at metrics.Instant) { s.writes.Store(int64(at)) }

// Cut makes every read and write fail from now on, as an expiry that has passed does. Anyone may call it.
func (s *Sock) Cut() {
	if s.expiry.Swap(cut) != cut {
		_ = s.SetDeadline(past)
	}
}

// Revive gives the owner of a socket that was cut another while: to say goodbye.
func (s *Sock) Revive(until metrics.Instant) {
	_ = s.SetDeadline(time.Time{})
	s.expiry.Store(int64(until))
}

// WasCut says whether reads and writes fail because time was over.
func (s *Sock) WasCut() bool { return s.expiry.Load() == cut }

// StopReads makes reads fail from now on, and one that waits: until SetReadDeadline clears it. Writes go on.
func (s *Sock) StopReads() { _ = s.SetReadDeadline(past) }

// past is a deadline that every read and write misses.
var past = time.Unix(1, 0)

// sweep cuts the socket when its expiry has passed. The compare-and-swap makes sure that it is that very expiry which has
// passed: an owner who sets a new one first keeps the socket, one who comes after is told.
func (s *Sock) sweep(now metrics.Instant) {
	if at := s.writes.Load(); at > never && at <= int64(now) && s.writes.CompareAndSwap(at, never) {
		s.Cut()
		return
	}
	at := s.expiry.Load()
	if at <= never || at > int64(now) {
		return
	}
	if s.expiry.CompareAndSwap(at, cut) {
		_ = s.SetDeadline(past)
	}
}
