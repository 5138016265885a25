package router

import (
	"sync/atomic"

	"sluice/metrics"
	"sluice/selector"
)

// Mirror copies requests to another backend. The answers to copies go nowhere, and who sent the request never waits for one.
type Mirror struct {
	// To is the backend that gets the copies; requests that go there anyway are not copied.
	To selector.Target
	// Percent of the requests, in basis points.
	Percent uint32
	// BodyBytes is the longest body that is copied.
	BodyBytes int64
	// Methods that are copied.
	Methods [metrics.NumMethods]bool
	// OnTrial copies only while the split says so.
	OnTrial bool
	// Pair is where copies and what they are copies of are counted side by side, to be compared; nil is nowhere.
	Pair *Pair
	// Room bounds what is under way.
	Room Room
}

// Pair is the meters of copies and of what they are copies of. Only drawn requests count.
type Pair struct{ Copies, Originals *metrics.Meter }

const (
	// roomCopies of a route may be at their backend at the same time.
	roomCopies = 128
	// roomBytes is what all copies of a route may hold, those that wait for the rest of their body among them.
	roomBytes = 8 << 20
)

// Room bounds the copies of a route, so that a backend that hangs costs what it would have cost anyway: so many connections and bytes.
type Room struct {
	copies atomic.Int32
	bytes  atomic.Int64
}

// Hold takes room for n more bytes; false when there is none.
func (r *Room) Hold(n int) bool {
	if r.bytes.Add(int64(n)) <= roomBytes {
		return true
	}
	r.bytes.Add(-int64(n))
	return false
}

// Free gives n bytes back.
func (r *Room) Free(n int) { r.bytes.Add(-int64(n)) }

// Enter takes the place of a copy at its backend; false when there is none.
func (r *Room) Enter() bool {
	if r.copies.Add(1) <= roomCopies {
		return true
	}
	r.copies.Add(-1)
	return false
}

// Leave gives the place back.
func (r *Room) Leave() { r.copies.Add(-1) }
