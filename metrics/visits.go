package metrics

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// NoSide is that of a visit to a backend which is not compared.
const NoSide = numSides

// Visits knows which users of a sticky route have come and which of them have converted. A user is a hash, and has one visit at a time. Its first
// request begins it, at the backend that it was drawn to, and when the visit has its age it is closed, as converted or not: what became of
// those that began in one block of time is read once, and nothing is revised.
//
// A fixed table of words holds the users, two words (16 bytes) for each that it was made for. Nobody waits and nothing is allocated. A user has one
// of eight places, a line of memory. Where all are taken by open visits a newcomer is not taken up, and counted as dropped (0.7 % of as many
// as the table was made for). Which line that is and who is there says nothing of sides or outcomes, so it is no one's advantage.
//
// Requests call Visit and Convert; one goroutine reads, by a VisitsReader.
type Visits struct {
	words  []atomic.Uint64
	length time.Duration // of a block
	age    int64         // in blocks
	once   bool
	counts *VisitCounts
	blocks [numVisitBlocks]visitBlock
}

// VisitsConfig says what Visits are kept.
type VisitsConfig struct {
	// Users that the table is made for.
	Users int
	// Within is the age at which a visit is closed.
	Within time.Duration
	// Once says that a user visits once and never again, as long as it is remembered: one trial each. Else a visit may follow one that is closed.
	Once bool
	// Counts is where what is dropped is counted; nil is nowhere.
	Counts *VisitCounts
}

// VisitCounts are what Visits can't attribute to a backend, and outlive a table.
type VisitCounts struct {
	dropped atomic.Uint64
	events  [NumConversions]atomic.Uint64
}

// Dropped is how many visits found no place.
func (c *VisitCounts) Dropped() uint64 { return c.dropped.Load() }

// Event counts one that was reported from outside.
func (c *VisitCounts) Event(r Conversion) { count(c.events[:], uint8(r)) }

// Events are those reported from outside, by what became of them.
func (c *VisitCounts) Events() (sums [NumConversions]uint64) {
	addCounters(sums[:], c.events[:])
	return sums
}

// Conversion is what became of a report that a user has converted.
type Conversion uint8

// The cases. All but the first change nothing.
const (
	Converted   Conversion = iota
	Duplicate              // the visit has converted before, or the event has come before
	UnknownUser            // nobody of that name has an open visit, or a closed one that is remembered
	TooLate                // the visit is closed
	BeforeVisit            // it happened before the visit
	InFuture               // it has not happened yet, by our clock
	NumConversions
)

func (c Conversion) String() string {
	return [NumConversions]string{"converted", "duplicate", "unknown-user", "too-late", "before-visit", "in-the-future"}[c]
}

// A word is tag 24 | block 28 | backend 8 | side 2 | converted 1 | used 1. Blocks are compared as serial numbers (RFC 1982): they wrap after 310 days
// or more.
const (
	visitUsed      = 1
	visitConverted = 2

	visitSideShift    = 2
	visitBackendShift = 4
	visitBlockShift   = 12
	visitTagShift     = 40
	visitBlockMask    = 1<<28 - 1

	// mostVisitBackend is the largest index of a backend that fits.
	mostVisitBackend = 1<<8 - 1
)

const (
	visitRingBits  = 13
	numVisitBlocks = 1 << visitRingBits
	// mostVisitAge in blocks: they are as long as it takes, and never shorter than those of arrivals.
	mostVisitAge = numVisitBlocks / 2
)

type visitBlock [numSides]struct{ visits, converted tagged }

const visitCount layout = 1<<40 - 1

// NewVisits makes a table.
func NewVisits(c VisitsConfig) *Visits {
	v := &Visits{words: make([]atomic.Uint64, 2<<bits.Len(uint(max(c.Users, 64)-1))), once: c.Once, counts: c.Counts}
	v.length = (c.Within/mostVisitAge + blockTime) / blockTime * blockTime
	v.age = int64((max(c.Within, 0) + v.length - 1) / v.length)
	if v.counts == nil {
		v.counts = new(VisitCounts)
	}
	return v
}

// Visit counts a request of a user in, drawn to the backend with this index on its route. It is true when that began a visit.
func (v *Visits) Visit(hash uint64, backend int, s Side, at Instant) bool {
	n := at.whole(v.length)
	for {
		word, old := v.place(hash, n)
		switch {
		case word == nil || backend > mostVisitBackend:
			v.counts.dropped.Add(1)
			return false
		case sameVisitor(old, hash) && (v.once || v.open(old, n)):
			return false
		}
		next := hash>>visitTagShift<<visitTagShift | uint64(n)&visitBlockMask<<visitBlockShift |
			uint64(backend)<<visitBackendShift | uint64(s)<<visitSideShift | visitUsed
		if !word.CompareAndSwap(old, next) {
			continue
		}
		if s < numSides {
			b, tag := v.block(n)
			visitCount.add(&b[s].visits, tag, 1, uint64(visitCount))
		}
		return true
	}
}

// Convert says that a user has converted: at the moment `at`, now being the present one. The backend is that of the visit, where there is one.
func (v *Visits) Convert(hash uint64, at, now Instant) (r Conversion, backend int) {
	if at > now {
		return InFuture, 0
	}
	for {
		word, old := v.visitor(hash)
		if word == nil {
			return UnknownUser, 0
		}
		n := v.began(old, now)
		backend = int(old >> visitBackendShift & mostVisitBackend)
		switch {
		case now.whole(v.length)-n > v.age:
			return TooLate, backend
		case old&visitConverted != 0:
			return Duplicate, backend
		case at.whole(v.length) < n:
			return BeforeVisit, backend
		}
		if !word.CompareAndSwap(old, old|visitConverted) {
			continue
		}
		if s := old >> visitSideShift & 3; s < uint64(numSides) {
			b, tag := v.block(n)
			visitCount.add(&b[s].converted, tag, 1, uint64(visitCount))
		}
		return Converted, backend
	}
}

// place is the user's word, or the one that it may take: the first free one, so that two requests of a new user try the same; else that of the
// oldest visit which is closed; nil where all are open.
func (v *Visits) place(hash uint64, n int64) (word *atomic.Uint64, old uint64) {
	line := v.line(hash)
	taken, oldest := -1, v.age
	for i := range line {
		w := line[i].Load()
		if w == 0 || sameVisitor(w, hash) {
			return &line[i], w
		}
		if age := v.aged(w, n); age > oldest {
			taken, oldest = i, age
		}
	}
	if taken < 0 {
		return nil, 0
	}
	old = line[taken].Load()
	if sameVisitor(old, hash) || v.aged(old, n) == oldest {
		return &line[taken], old
	}
	return v.place(hash, n) // somebody else took it: look again
}

// visitor is the user's word, nil where there is none.
func (v *Visits) visitor(hash uint64) (word *atomic.Uint64, old uint64) {
	line := v.line(hash)
	for i := range line {
		if w := line[i].Load(); sameVisitor(w, hash) {
			return &line[i], w
		}
	}
	return nil, 0
}

func (v *Visits) line(hash uint64) []atomic.Uint64 {
	return v.words[hash*places&uint64(len(v.words)-1):][:places]
}

func sameVisitor(word, hash uint64) bool {
	return word != 0 && word>>visitTagShift == hash>>visitTagShift
}

// aged is how many blocks before n the visit of a word began; a visit of a later block is new.
func (v *Visits) aged(word uint64, n int64) int64 {
	const wrap = visitBlockMask + 1
	age := int64((uint64(n) - word>>visitBlockShift) & visitBlockMask)
	if age > wrap/2 {
		return age - wrap
	}
	return age
}

func (v *Visits) open(word uint64, n int64) bool { return v.aged(word, n) <= v.age }

// began is the block of the word's visit.
func (v *Visits) began(word uint64, now Instant) int64 {
	n := now.whole(v.length)
	return n - v.aged(word, n)
}

func (v *Visits) block(n int64) (b *visitBlock, tag uint64) {
	return &v.blocks[n&(numVisitBlocks-1)], visitCount.tag(n >> visitRingBits)
}

// Visitors are the visits that began in one block of time, when they are closed.
type Visitors struct{ Visits, Converted Sides }

// read is block n's.
func (v *Visits) read(n int64) (u Visitors) {
	b, tag := v.block(n)
	u.Converted = sides(func(s Side) uint64 { return visitCount.read(&b[s].converted, tag) })
	u.Visits = sides(func(s Side) uint64 { return visitCount.read(&b[s].visits, tag) })
	return u
}

// VisitsReader reads blocks of visits as they close: each once, in order. It is for one goroutine.
type VisitsReader struct {
	visits *Visits
	next   int64
	// Lost blocks were used again before anyone asked for them.
	Lost int64
}

// Restart begins with the first whole block from at on.
func (r *VisitsReader) Restart(v *Visits, at Instant) {
	*r = VisitsReader{visits: v, next: at.next(v.length)}
}

// Next is the next block whose visits are all closed, if there is one, and the time in which they began.
func (r *VisitsReader) Next(now Instant) (u Visitors, from, until Instant, ok bool) {
	if r.visits == nil {
		return u, 0, 0, false
	}
	v := r.visits
	end := now.whole(v.length) - v.age - 1 // who is converting now is given a block's time to be counted
	if oldest := now.whole(v.length) - numVisitBlocks + 2; r.next < oldest {
		r.Lost += oldest - r.next
		r.next = oldest
	}
	if r.next >= end {
		return u, 0, 0, false
	}
	n := r.next
	r.next++
	return v.read(n), Instant(n * int64(v.length)), Instant((n + 1) * int64(v.length)), true
}
