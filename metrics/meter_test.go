package metrics

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
	"unsafe"
)

func TestWindowsAddUpToTheTotals(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	for run := range 20 {
		h := &history{r: rand.New(rand.NewPCG(seed, uint64(run)))}
		m := New(Config{Shards: 1 << h.r.IntN(4), Blocks: true})
		start := Instant(h.r.Int64N(int64(time.Hour)))
		start -= start % Instant(time.Second)
		span := 15 * time.Second // the latencies' ring holds it
		for at := start; at < start.Add(span); at += Instant(h.r.IntN(int(20 * ms))) {
			h.arrive(m, at)
			if h.r.IntN(4) > 0 {
				h.end(m, at)
			}
		}
		var sum Window
		for from := start; from < start.Add(span); {
			to := from.Add(time.Duration(1+h.r.IntN(5)) * time.Second)
			w := m.Window(from, to)
			sum.Add(&w)
			from = to
		}
		what := fmt.Sprintf("seed %d, run %d: ", seed, run)
		wantCounts(t, what+"sum of windows", sum.Counts, h.counts)
		wantCounts(t, what+"totals", m.Totals().Counts, h.counts)
		for c := range numJudged {
			if got := sum.Latency[c].Count(); got != h.good[c] {
				t.Errorf("%slatencies of cohort %d = %d, want %d", what, c, got, h.good[c])
			}
		}
	}
}

func TestAWindowHoldsWholeBlocksOnly(t *testing.T) {
	t.Parallel()
	m := judgedMeter()
	for at := Instant(0); at < 1000*ms; at += 10 * ms {
		good(m, at, time.Millisecond)
	}
	for _, c := range []struct {
		from, to Instant
		want     uint64
	}{{0, 1000 * ms, 100}, {1, 1000 * ms, 90}, {0, 999 * ms, 90}, {50 * ms, 150 * ms, 0}, {-500 * ms, 200 * ms, 20}, {300 * ms, 200 * ms, 0}} {
		w := m.Window(c.from, c.to)
		if got := w.Counts[Drawn].Requests; got != c.want {
			t.Errorf("Window(%d, %d) = %d requests, want %d", c.from, c.to, got, c.want)
		}
	}
}

func TestABlockShowsItsUnfinishedAttempts(t *testing.T) {
	t.Parallel()
	m := judgedMeter()
	a := m.Begin(50*ms, Drawn, 0)
	b := m.Begin(150*ms, Pinned, 1)
	m.Begin(150*ms, Other, 1)
	for _, c := range []struct{ from, olderThan, want Instant }{
		{0, 100 * ms, 1},
		{0, 199 * ms, 1},
		{0, 200 * ms, 2},
		{100 * ms, 300 * ms, 1},
	} {
		if got := m.Pending(c.from, c.olderThan); got != uint64(c.want) {
			t.Errorf("Pending(%d, %d) = %d, want %d", c.from, c.olderThan, got, c.want)
		}
	}
	m.End(a, Outcome{At: 900 * ms, Failed: true})
	w := m.Window(0, 100*ms)
	wantCounts(t, "first block after its end", w.Counts[Drawn], Counts{Requests: 1, Errors: 1})
	m.End(b, Outcome{At: 900 * ms})
	if got := m.Pending(0, 300*ms); got != 0 {
		t.Errorf("Pending after all ends = %d, want 0", got)
	}
}

func TestALateEndLeavesTheNewerBlockAlone(t *testing.T) {
	t.Parallel()
	ring := Instant(numBlocks) * Instant(blockTime)
	for _, o := range []Outcome{{}, {Failed: true}, {Void: true}} {
		m := judgedMeter()
		late := m.Begin(0, Drawn, 0)
		m.Begin(ring, Drawn, 0)
		o.At = ring
		m.End(late, o)
		w := m.Window(ring, ring+100*ms)
		wantCounts(t, fmt.Sprintf("newer block after %+v", o), w.Counts[Drawn], Counts{Requests: 1, Unfinished: 1})
		if got := w.Latency[Drawn].Count(); got != 0 {
			t.Errorf("latencies of the newer block = %d, want 0", got)
		}
		w = m.Window(0, 100*ms)
		wantCounts(t, "recycled block", w, Window{})
		if got := m.Totals().Counts[Drawn].Unfinished; got != 1 {
			t.Errorf("unfinished in the totals after %+v = %d, want 1", o, got)
		}
	}
}

func TestALateEndOfAFailureDoesNotShowInAnyBlock(t *testing.T) {
	t.Parallel()
	ring := Instant(numBlocks) * Instant(blockTime)
	m := judgedMeter()
	fail(m, 0)
	late := m.Begin(ring, Drawn, 0)
	m.Begin(2*ring, Drawn, 0)
	m.End(late, Outcome{At: 2 * ring, Failed: true}) // finds the word of failures as lap 0 left it
	newer := m.Window(2*ring, 2*ring+100*ms)
	wantCounts(t, "newer block", newer.Counts[Drawn], Counts{Requests: 1, Unfinished: 1})
	fail(m, 2*ring)
	newer = m.Window(2*ring, 2*ring+100*ms)
	wantCounts(t, "newer block after its own failure", newer.Counts[Drawn], Counts{Requests: 2, Unfinished: 1, Errors: 1})
}

func TestABackwardBeginIsInTheTotalsOnly(t *testing.T) {
	t.Parallel()
	ring := Instant(numBlocks) * Instant(blockTime)
	m := judgedMeter()
	good(m, ring, 0)
	good(m, 0, 0)
	w := m.Window(0, ring+100*ms)
	wantCounts(t, "window", w.Counts[Drawn], Counts{Requests: 1})
	wantCounts(t, "totals", m.Totals().Counts[Drawn], Counts{Requests: 2})
}

func TestAFullBlockRefusesAndKeepsItsNumbers(t *testing.T) {
	t.Parallel()
	var r blockRing
	b, tag := r.slot(0)
	b.cohorts[Drawn].arrived.word.Store(tag | maxBegun | 7)
	if r.begin(0, Drawn) {
		t.Errorf("begin = true, want false")
	}
	if got := blockWord.read(&b.cohorts[Drawn].arrived, tag); got != maxBegun|7 {
		t.Errorf("word = %x, want %x", got, uint64(maxBegun|7))
	}
}

func TestVoidTakesAnAttemptBack(t *testing.T) {
	t.Parallel()
	m := judgedMeter()
	good(m, 0, 0)
	m.End(m.Begin(0, Drawn, 0), Outcome{Void: true, Failed: true, Unreachable: true})
	w := m.Window(0, 100*ms)
	wantCounts(t, "window", w.Counts[Drawn], Counts{Requests: 1})
	wantCounts(t, "totals", m.Totals().Counts[Drawn], Counts{Requests: 1})
	if got := m.UnreachableRow(); got != 0 {
		t.Errorf("UnreachableRow = %d, want 0", got)
	}
}

func TestTheZeroArrivalIsNotCounted(t *testing.T) {
	t.Parallel()
	m := judgedMeter()
	m.End(Arrival{}, Outcome{Failed: true})
	wantCounts(t, "totals", m.Totals().Counts, [NumCohorts]Counts{})
}

func TestUnreachableAttemptsInARowAreCountedUntilOneIsReached(t *testing.T) {
	t.Parallel()
	m := New(Config{})
	steps := []struct {
		c    Cohort
		o    Outcome
		want uint32
	}{
		{Drawn, Outcome{Unreachable: true}, 1},
		{Pinned, Outcome{Unreachable: true, Failed: true}, 2},
		{Other, Outcome{Unreachable: true}, 2},
		{Other, Outcome{}, 2},
		{Drawn, Outcome{Void: true}, 2},
		{Drawn, Outcome{Unreachable: true}, 3},
		{Drawn, Outcome{Failed: true}, 0},
		{Drawn, Outcome{Unreachable: true}, 1},
		{Pinned, Outcome{}, 0},
	}
	for i, s := range steps {
		m.End(m.Begin(0, s.c, 0), s.o)
		if got := m.UnreachableRow(); got != s.want {
			t.Errorf("step %d: UnreachableRow = %d, want %d", i, got, s.want)
		}
	}
	if got := m.Totals().Errors; got != 5 {
		t.Errorf("errors = %d, want 5: unreachable is a failure", got)
	}
}

// A reader that runs beside writers over several laps sees blocks that are whole: one failed attempt for each good one, never more ended
// than begun, and nothing twice.
func TestReadersBesideWritersSeeWholeBlocks(t *testing.T) {
	t.Parallel()
	const writers, laps, perBlock = 4, 3, 6
	m := New(Config{Shards: 2, Blocks: true})
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			var held [64]Arrival // ends come up to a second late, the last of a lap after the recycling
			i := 0
			for n := range Instant(laps * numBlocks) {
				for range perBlock {
					at := n*Instant(blockTime) + Instant(i%100)*ms
					m.End(held[i%len(held)], Outcome{At: at, Failed: i%2 == 0})
					held[i%len(held)] = m.Begin(at, Drawn, uint32(w))
					i++
				}
			}
			for _, a := range held {
				m.End(a, Outcome{At: a.at})
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		newest := Instant(m.newest.Load()) * Instant(blockTime)
		for _, age := range []Instant{0, 1, 10, 250, 505, 511} {
			from := newest - age*Instant(blockTime)
			w := m.Window(from, from.Add(blockTime))
			c := w.Counts[Drawn]
			if c.Requests > writers*perBlock || c.Errors > c.Requests || c.Unfinished > c.Requests-c.Errors {
				t.Fatalf("block at %d = %+v, want at most %d requests, none ended that never began", from, c, writers*perBlock)
			}
		}
	}
	total := m.Totals().Counts[Drawn]
	if want := uint64(writers * laps * numBlocks * perBlock); total.Requests != want || total.Unfinished != 0 {
		t.Errorf("totals = %+v, want %d requests, all ended", total, want)
	}
	end := Instant(laps*numBlocks) * Instant(blockTime)
	w := m.Window(end.Add(-numBlocks*blockTime), end)
	if want := uint64(writers * numBlocks * perBlock); w.Counts[Drawn].Requests != want || w.Counts[Drawn].Unfinished != 0 {
		t.Errorf("last lap = %+v, want %d requests, all ended", w.Counts[Drawn], want)
	}
}

// One writer fills each block of two shards with the same attempts, all ended, so an old block shows all of them or, once its recycling
// has begun, none.
func TestAnOldBlockIsWholeOrGone(t *testing.T) {
	t.Parallel()
	m := judgedMeter()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range Instant(60 * numBlocks) {
			for i := range uint32(4) {
				at := n * Instant(blockTime)
				m.End(m.Begin(at, Drawn, i%2), Outcome{At: at, Failed: i < 2})
			}
		}
	}()
	seen := 0
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		newest := m.newest.Load()
		if got := m.arrived(newest, newest+1)[Drawn]; got.Unfinished > 4 || got.Errors > got.Requests {
			t.Fatalf("running block %d = %+v: more have ended than began", newest, got)
		}
		n := newest - numBlocks + 1
		switch got := m.arrived(n, n+1)[Drawn]; got {
		case Counts{}:
		case Counts{Requests: 4, Errors: 2}:
			seen++
		default:
			t.Fatalf("block %d = %+v, want 4 requests with 2 errors or none", n, got)
		}
	}
	if seen == 0 {
		t.Errorf("the last block never showed")
	}
}

// Writers two laps apart fight for one word; the older ones never win once the newer has come.
func TestLapsNeverMixInAWord(t *testing.T) {
	t.Parallel()
	const n = 20_000
	var w tagged
	var writing sync.WaitGroup
	for _, lap := range []int64{3, 4, 5} {
		writing.Go(func() {
			for range n {
				blockWord.add(&w, blockWord.tag(lap), 1, uint64(blockWord))
			}
		})
	}
	writing.Wait()
	if got := blockWord.read(&w, blockWord.tag(5)); got != n {
		t.Errorf("counts of the newest lap = %d, want %d", got, n)
	}
	for _, lap := range []int64{3, 4} {
		if got := blockWord.read(&w, blockWord.tag(lap)); got != 0 {
			t.Errorf("counts of lap %d = %d, want 0", lap, got)
		}
	}
}

func TestLapsMayWrap(t *testing.T) {
	t.Parallel()
	var w tagged
	last := int64(1<<22 - 1)
	for _, c := range []struct {
		lap  int64
		want bool
	}{{last, true}, {last + 1, true}, {last, false}, {last + 2, true}} {
		if got := blockWord.add(&w, blockWord.tag(c.lap), 1, uint64(blockWord)); got != c.want {
			t.Errorf("add at lap %d = %v, want %v", c.lap, got, c.want)
		}
	}
}

func TestCountersLieOnLinesOfTheirOwn(t *testing.T) {
	t.Parallel()
	if got := unsafe.Sizeof(block{}); got != 64 {
		t.Errorf("a block is %d bytes, want 64", got)
	}
	if got := unsafe.Offsetof(counters{}.selections); got != 128 {
		t.Errorf("selections begin at %d, want 128", got)
	}
	if got := unsafe.Sizeof(counters{}); got%64 != 0 {
		t.Errorf("counters are %d bytes, want whole lines", got)
	}
	for range 50 {
		m := judgedMeter()
		good(m, 0, 0)
		s := m.shards[0].Load()
		for name, p := range map[string]unsafe.Pointer{"blocks": unsafe.Pointer(s.blocks.Load()), "counters": unsafe.Pointer(s.counters.Load())} {
			if uintptr(p)%64 != 0 {
				t.Errorf("%s begin %d bytes into a line", name, uintptr(p)%64)
			}
		}
	}
}
