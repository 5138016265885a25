package analysis

import (
	"encoding/binary"
	"errors"
	"fmt"

	"sluice/metrics"
)

// blockFormat begins each block in a log.
const blockFormat = 1

// errShort says that a log ends inside a block.
var errShort = errors.New("the block log ends inside a block")

// AppendBlock appends a block to a log: counts as varints, about 30 bytes, and 200 to 400 more for latencies. From the
// blocks and the rules, Assess makes the same evidence again, bit for bit.
func AppendBlock(dst []byte, b *Block) []byte {
	w := blockWriter{dst: append(dst, blockFormat)}
	w.dst = binary.AppendVarint(w.dst, b.Tick)
	w.dst = binary.AppendVarint(w.dst, b.Length)
	w.dst = binary.AppendVarint(w.dst, int64(b.Step))
	flags := uint64(0)
	if b.Users != nil {
		flags |= 1
	}
	if b.Latency != nil {
		flags |= 2
		if b.Latency.Half {
			flags |= 4
		}
	}
	if b.VisitsWeight > 0 {
		flags |= 4
	}
	w.put(flags, uint64(b.Weight), uint64(b.Next))
	w.pair(b.Drawn)
	w.put(b.Judged.N, b.Judged.Bad)
	w.pair(b.Firsts)
	w.pair(b.Visits)
	if b.VisitsWeight > 0 {
		w.put(uint64(b.VisitsWeight))
	}
	if b.Users != nil {
		w.put(uint64(b.Users.Open))
		for j := range b.Users.Risk[:b.Users.Open+1] {
			w.put(b.Users.Risk[j].Canary, b.Users.Risk[j].Stable, b.Users.Failed[j].Canary, b.Users.Failed[j].Stable)
		}
	}
	if b.Latency != nil {
		for _, s := range []*Spread{&b.Latency.Canary, &b.Latency.Stable, &b.Latency.Judged} {
			w.spread(s)
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
	if len(log) == 0 {
		return b, nil, errShort
	}
	if log[0] != blockFormat {
		return b, nil, fmt.Errorf("read a block: format is %d, this program reads %d", log[0], blockFormat)
	}
	r := blockReader{log: log[1:]}
	b.Tick, b.Length, b.Step = r.signed(), r.signed(), int(r.signed())
	flags := r.next()
	b.Weight, b.Next = uint16(r.next()), uint16(r.next())
	b.Drawn = r.pair()
	b.Judged = Tally{N: r.next(), Bad: r.next()}
	b.Firsts, b.Visits = r.pair(), r.pair()
	if flags&4 != 0 {
		b.VisitsWeight = uint16(r.next())
	}
	if flags&1 != 0 {
		b.Users = r.users()
	}
	if flags&2 != 0 {
		b.Latency = &Latencies{Half: flags&4 != 0}
		for _, s := range []*Spread{&b.Latency.Canary, &b.Latency.Stable, &b.Latency.Judged} {
			r.spread(s)
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
