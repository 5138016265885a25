package metrics

import "sync/atomic"

// tagged is a word of a ring: counts, and above them the lap that they belong to.
//
// A ring's slot is used again and again: for block n, then for block n+size, and so on. The lap is how often it has been used, n/size,
// and every word of a slot carries the lap that its counts belong to. From this follows all that is promised:
//
//   - A lap only grows. A word that is behind the writer's lap is reset and counted in one compare-and-swap, so no count is lost between
//     the two; a word that is ahead refuses the writer. So an End that comes after its block was recycled never touches the newer
//     block's numbers. Each word does this by itself: there is no moment at which a block is half cleared.
//   - A late writer may still find a word that the newer lap has not touched yet. It counts there under its own old lap, which the
//     readers of the newer block take for nothing and the next writer of a newer lap resets.
//   - No reader sees a mix of two blocks. It takes a word only when the lap is the one it asks for. And a writer raises the meter's
//     newest block before it touches a word, so a reader that finds, after reading, that its oldest block is less than a ring behind
//     the newest knows that nobody had begun to recycle what it read.
//   - Laps are compared as serial numbers (RFC 1982), so that a wrap does no harm; a word unused for half of all laps would look like a
//     later one: 3.4 years for counts, a thousand for latencies. A word of zero was never used.
//
// Nobody waits: a compare-and-swap that fails means that another writer got on.
type tagged struct{ word atomic.Uint64 }

// layout is the mask of the counts in a word; the lap is above them.
type layout uint64

// tag is a lap in its place in a word.
func (l layout) tag(lap int64) uint64 { return uint64(lap) * (uint64(l) + 1) }

// add adds delta to the counts under tag. It is false, and nothing is counted, when the word belongs to a later lap or its counts have
// reached limit.
func (l layout) add(t *tagged, tag, delta, limit uint64) bool {
	for {
		old := t.word.Load()
		counts := old & uint64(l)
		switch age := int64(tag - old&^uint64(l)); {
		case old == 0 || age > 0:
			counts = 0
		case age < 0 || counts >= limit:
			return false
		}
		if t.word.CompareAndSwap(old, tag|(counts+delta)) {
			return true
		}
	}
}

// take subtracts delta, unless the word belongs to another lap.
func (l layout) take(t *tagged, tag, delta uint64) {
	for {
		old := t.word.Load()
		if old&^uint64(l) != tag || old&uint64(l) < delta || t.word.CompareAndSwap(old, old-delta) {
			return
		}
	}
}

// read is the counts under tag, zero when the word belongs to another lap.
func (l layout) read(t *tagged, tag uint64) uint64 {
	word := t.word.Load()
	if word&^uint64(l) != tag {
		return 0
	}
	return word & uint64(l)
}
