package analysis

import (
	"encoding/binary"
	"errors"
	"fmt"

	"sluice/metrics"
)

// errShort says that a log ends inside a block.
var errShort = errors.New("the block log ends inside a block")

// What a block has beside its tick, weight, step and drawn requests.
const (
	hasUsers   = 1 << iota
	hasLatency // of the second, or half of one, that ends with it
	hasJudged  // pinned requests: the canary's judged ones are not the drawn ones
	hasFirsts
	hasVisits
	hasLength        // of more than one tick
	hasJudgedLatency // as hasJudged
	hasHalf          // the latencies are of half a second
	hasVisitsWeight
	unknownFlags
)

func (b *Block) has() (flags uint64) {
	for _, f := range []struct {
		flag uint64
		has  bool
	}{
		{hasUsers, b.Users != nil},
		{hasLatency, b.Latency != nil},
		{hasJudged, b.Judged != b.Drawn.Canary},
		{hasFirsts, b.Firsts != Pair{}},
		{hasVisits, b.Visits != Pair{}},
		{hasLength, b.Length != 0},
		{hasJudgedLatency, b.Latency != nil && b.Latency.Judged != b.Latency.Canary},
		{hasHalf, b.Latency != nil && b.Latency.Half},
		{hasVisitsWeight, b.VisitsWeight > 0},
	} {
		if f.has {
			flags |= f.flag
		}
	}
	return flags
}

// AppendBlock appends a block to a log: counts as varints, about 20 bytes, and 200 to 400 more for a second of latencies. From the
// blocks and the rules, Assess makes the same evidence again, bit for bit.
func AppendBlock(dst []byte, b *Block) []byte {
	w, flags := blockWriter{dst: dst}, b.has()
	w.put(flags)
	w.dst = binary.AppendVarint(w.dst, b.Tick)
	if flags&hasLength != 0 {
		w.dst = binary.AppendVarint(w.dst, b.Length)
	}
	w.dst = binary.AppendVarint(w.dst, int64(b.Step))
	w.put(uint64(b.Weight), uint64(b.Next))
	w.pair(b.Drawn)
	if flags&hasJudged != 0 {
		w.put(b.Judged.N, b.Judged.Bad)
	}
	if flags&hasFirsts != 0 {
		w.pair(b.Firsts)
	}
	if flags&hasVisits != 0 {
		w.pair(b.Visits)
	}
	if flags&hasVisitsWeight != 0 {
		w.put(uint64(b.VisitsWeight))
	}
	if b.Users != nil {
		w.users(b.Users)
	}
	if b.Latency != nil {
		w.spread(&b.Latency.Canary)
		w.spread(&b.Latency.Stable)
		if flags&hasJudgedLatency != 0 {
			w.spread(&b.Latency.Judged)
		}
	}
	return w.dst
}

type blockWriter struct{ dst []byte }

func (w *blockWriter) put(values ...uint64) {
	for _, v := range values {
		w.dst = binary.AppendUvarint(w.dst, v)
	}
}

func (w *blockWriter) pair(p Pair) { w.put(p.Canary.N, p.Canary.Bad, p.Stable.N, p.Stable.Bad) }

func (w *blockWriter) users(u *metrics.Users) {
	w.put(uint64(u.Open))
	for j := range u.Risk[:u.Open+1] {
		w.put(u.Risk[j].Canary, u.Risk[j].Stable, u.Failed[j].Canary, u.Failed[j].Stable)
	}
}

// spread is the bad ones, then for each bucket in use the step to it from the last one, and its count; 0 ends.
func (w *blockWriter) spread(s *Spread) {
	w.put(s.Bad)
	last := -1
	for i := range metrics.NumBuckets {
		if n := s.Good.Bucket(i); n > 0 {
			w.put(uint64(i-last), n)
			last = i
		}
	}
	w.put(0)
}

// ReadBlock reads the first block of a log and returns what is after it.
func ReadBlock(log []byte) (b Block, rest []byte, err error) {
	r := blockReader{log: log}
	flags := r.next()
	if flags >= unknownFlags {
		return b, nil, fmt.Errorf("read a block: it has parts (%#x) that this program does not know", flags)
	}
	b.Tick = r.signed()
	if flags&hasLength != 0 {
		b.Length = r.signed()
	}
	b.Step = int(r.signed())
	b.Weight, b.Next = uint16(r.next()), uint16(r.next())
	b.Drawn = r.pair()
	b.Judged = b.Drawn.Canary
	if flags&hasJudged != 0 {
		b.Judged = Tally{N: r.next(), Bad: r.next()}
	}
	if flags&hasFirsts != 0 {
		b.Firsts = r.pair()
	}
	if flags&hasVisits != 0 {
		b.Visits = r.pair()
	}
	if flags&hasVisitsWeight != 0 {
		b.VisitsWeight = uint16(r.next())
	}
	if flags&hasUsers != 0 {
		b.Users = r.users()
	}
	if flags&hasLatency != 0 {
		b.Latency = &Latencies{Half: flags&hasHalf != 0}
		r.spread(&b.Latency.Canary)
		r.spread(&b.Latency.Stable)
		b.Latency.Judged = b.Latency.Canary
		if flags&hasJudgedLatency != 0 {
			b.Latency.Judged = Spread{}
			r.spread(&b.Latency.Judged)
		}
	}
	return b, r.log, r.err
}

// blockReader stops at its first error: everything after it is 0.
type blockReader struct {
	log []byte
	err error
}

func (r *blockReader) next() uint64 {
	v, n := binary.Uvarint(r.log)
	return v * uint64(r.skip(n))
}

func (r *blockReader) signed() int64 {
	v, n := binary.Varint(r.log)
	return v * int64(r.skip(n))
}

// skip is 1 when there was a number of n bytes, else 0 and the end.
func (r *blockReader) skip(n int) int {
	if n <= 0 {
		r.log, r.err = nil, errShort
		return 0
	}
	r.log = r.log[n:]
	return 1
}

func (r *blockReader) pair() Pair {
	return Pair{Canary: Tally{N: r.next(), Bad: r.next()}, Stable: Tally{N: r.next(), Bad: r.next()}}
}

func (r *blockReader) users() *metrics.Users {
	u := &metrics.Users{Open: int(min(r.next(), metrics.MaxComponents))}
	for j := range u.Risk[:u.Open+1] {
		u.Risk[j] = metrics.Sides{Canary: r.next(), Stable: r.next()}
		u.Failed[j] = metrics.Sides{Canary: r.next(), Stable: r.next()}
	}
	return u
}

func (r *blockReader) spread(s *Spread) {
	s.Bad = r.next()
	for i := uint64(0); ; {
		step := r.next()
		if step == 0 {
			return
		}
		if i += step; i > metrics.NumBuckets || step > metrics.NumBuckets {
			r.log, r.err = nil, fmt.Errorf("read a block: latency bucket %d of %d", i-1, metrics.NumBuckets)
			return
		}
		s.Good.RecordBucket(int(i-1), r.next())
	}
}
