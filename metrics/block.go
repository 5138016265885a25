package metrics

import "time"

const (
	blockTime = 100 * time.Millisecond
	ringBits  = 9
	numBlocks = 1 << ringBits // 51.2 s: longer than a first byte may take by default (30 s)
)

// block holds the attempts that arrived in 100 ms at one shard, on one 64-byte line. Begin and End write one word each.
type block struct {
	cohorts [numCells]struct {
		arrived tagged // lap 22 | begun 21 | good 21
		failed  tagged // lap 22 | failed 42
	}
}

const (
	blockWord layout = 1<<42 - 1

	oneBegun = 1 << 21
	oneGood  = 1
	// maxBegun in a block, shard and cohort: 2 million, 20 million a second. Arrivals beyond it are in the totals only. Good and failed
	// ones are not more than begun, so they need no limit of their own.
	maxBegun = (1<<21 - 1) * oneBegun
)

// blockRing is 32 KiB and has no pointers, so that it begins on a line.
type blockRing [numBlocks]block

// slot is block n's place in the ring and its words' tag.
func (r *blockRing) slot(n int64) (b *block, tag uint64) {
	return &r[n&(numBlocks-1)], blockWord.tag(n >> ringBits)
}

// begin counts an arrival; false when block n is gone or full.
func (r *blockRing) begin(n int64, c Cohort) bool {
	b, tag := r.slot(n)
	return blockWord.add(&b.cohorts[c].arrived, tag, oneBegun, maxBegun)
}

func (r *blockRing) good(n int64, c Cohort) {
	b, tag := r.slot(n)
	blockWord.add(&b.cohorts[c].arrived, tag, oneGood, uint64(blockWord))
}

func (r *blockRing) failed(n int64, c Cohort) {
	b, tag := r.slot(n)
	blockWord.add(&b.cohorts[c].failed, tag, 1, uint64(blockWord))
}

func (r *blockRing) void(n int64, c Cohort) {
	b, tag := r.slot(n)
	blockWord.take(&b.cohorts[c].arrived, tag, oneBegun)
}

// addTo adds block n to the sums. The failed ones are read before the begun ones: whoever has failed was counted in before, so never do
// more end than began.
func (r *blockRing) addTo(sums *[numCells]Counts, n int64) {
	b, tag := r.slot(n)
	for c := range numCells {
		failed := blockWord.read(&b.cohorts[c].failed, tag)
		arrived := blockWord.read(&b.cohorts[c].arrived, tag)
		if arrived == 0 {
			continue
		}
		begun, good := arrived/oneBegun, arrived%oneBegun
		sums[c].Add(Counts{Requests: begun, Errors: failed, Unfinished: begun - good - failed})
	}
}
