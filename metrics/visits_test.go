package metrics

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
)

// guestbook is a Visits in maps, with every line of the rule written out.
type guestbook struct {
	began     map[uint64]int64
	converted map[uint64]bool
	side      map[uint64]Side
	blocks    map[int64]Visitors
	age       int64
	once      bool
}

func (s *Sides) of(side Side) {
	if s.note(side); side == NoSide {
		s.Stable--
	}
}

func (g *guestbook) visit(h uint64, s Side, n int64) bool {
	if began, there := g.began[h]; there && (g.once || n-began <= g.age) {
		return false
	}
	g.began[h], g.side[h], g.converted[h] = n, s, false
	b := g.blocks[n]
	b.Visits.of(s)
	g.blocks[n] = b
	return true
}

func (g *guestbook) convert(h uint64, at, now int64) Conversion {
	began, there := g.began[h]
	switch {
	case !there:
		return UnknownUser
	case now-began > g.age:
		return TooLate
	case g.converted[h]:
		return Duplicate
	case at < began:
		return BeforeVisit
	}
	g.converted[h] = true
	b := g.blocks[began]
	b.Converted.of(g.side[h])
	g.blocks[began] = b
	return Converted
}

func TestVisitsAreThoseOfTheGuestbook(t *testing.T) {
	t.Parallel()
	for _, once := range []bool{false, true} {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 0))
		const within = 5 * time.Second
		v := NewVisits(VisitsConfig{Users: 8000, Within: within, Once: once})
		g := &guestbook{
			began: map[uint64]int64{}, converted: map[uint64]bool{}, side: map[uint64]Side{}, blocks: map[int64]Visitors{}, age: int64(within / blockTime), once: once,
		}
		at := Instant(-40 * time.Second) // instants may be negative
		var reader VisitsReader
		reader.Restart(v, at)
		read := 0
		for i := range 40_000 {
			at += Instant(r.IntN(5)) * ms
			n := at.Block()
			h := key(1 + r.IntN(2000))
			if r.IntN(3) > 0 {
				s := Side(r.IntN(int(NoSide) + 1))
				if got, want := v.Visit(h, int(s), s, at), g.visit(h, s, n); got != want {
					t.Fatalf("seed %d, once %v, step %d: Visit = %v, want %v", seed, once, i, got, want)
				}
			} else {
				when := at - Instant(r.IntN(3000))*ms
				got, backend := v.Convert(h, when, at)
				if want := g.convert(h, when.Block(), n); got != want {
					t.Fatalf("seed %d, once %v, step %d: Convert = %v, want %v", seed, once, i, got, want)
				}
				if got == Converted && backend != int(g.side[h]) {
					t.Fatalf("seed %d, step %d: converted at backend %d, want %d", seed, i, backend, g.side[h])
				}
			}
			for {
				u, from, until, ok := reader.Next(at)
				if !ok {
					break
				}
				if until.Sub(from) != blockTime || at.Sub(until) < within || u != g.blocks[from.Block()] {
					t.Fatalf("seed %d, once %v, step %d: the block from %d, read at %d, is %+v, want %+v", seed, once, i, from, at, u, g.blocks[from.Block()])
				}
				read++
			}
		}
		if read < 500 || v.counts.Dropped() != 0 {
			t.Errorf("seed %d: %d blocks read, %d dropped, want over 500 and none", seed, read, v.counts.Dropped())
		}
	}
}

func TestAConversionAfterItsVisitWasReadIsTooLate(t *testing.T) {
	t.Parallel()
	v := NewVisits(VisitsConfig{Users: 100, Within: time.Second})
	var reader VisitsReader
	reader.Restart(v, 0)
	v.Visit(key(1), 0, CanarySide, 50*ms)
	for at := Instant(0); ; at += ms {
		u, _, _, ok := reader.Next(at)
		if !ok {
			continue
		}
		if u.Visits.Canary != 1 {
			t.Errorf("the first block has %+v, want the visit", u)
		}
		if r, _ := v.Convert(key(1), at, at); r != TooLate {
			t.Errorf("Convert at the moment of reading, %v after the visit = %v, want %v", at.Sub(50*ms), r, TooLate)
		}
		if at.Sub(50*ms) < time.Second {
			t.Errorf("read %v after the visit, before its age", at.Sub(50*ms))
		}
		return
	}
}

func TestWhatHappensLaterIsNotBelieved(t *testing.T) {
	t.Parallel()
	v := NewVisits(VisitsConfig{Users: 100, Within: time.Minute})
	v.Visit(key(1), 3, StableSide, 0)
	for _, c := range []struct {
		at, now Instant
		want    Conversion
	}{{2 * ms, ms, InFuture}, {-1000 * ms, 10 * ms, BeforeVisit}, {5 * ms, 10 * ms, Converted}, {6 * ms, 10 * ms, Duplicate}} {
		if got, _ := v.Convert(key(1), c.at, c.now); got != c.want {
			t.Errorf("Convert at %d, now %d = %v, want %v", c.at, c.now, got, c.want)
		}
	}
	if got, _ := v.Convert(key(2), 0, ms); got != UnknownUser {
		t.Errorf("Convert of a stranger = %v, want %v", got, UnknownUser)
	}
}

// A long age has few, longer blocks; the table takes no more memory for it.
func TestAWeekIsKeptInAFewThousandBlocks(t *testing.T) {
	t.Parallel()
	const within = 7 * 24 * time.Hour
	v := NewVisits(VisitsConfig{Users: 100, Within: within})
	var reader VisitsReader
	reader.Restart(v, 0)
	v.Visit(key(1), 0, CanarySide, Instant(time.Hour))
	if r, _ := v.Convert(key(1), Instant(within), Instant(within)); r != Converted {
		t.Errorf("Convert within the week = %v", r)
	}
	var all Visitors
	now := Instant(within + 2*time.Hour)
	for {
		u, _, _, ok := reader.Next(now)
		if !ok {
			break
		}
		all.Visits, all.Converted = all.Visits.plus(u.Visits), all.Converted.plus(u.Converted)
	}
	if want := (Visitors{Visits: Sides{Canary: 1}, Converted: Sides{Canary: 1}}); all != want || reader.Lost != 0 {
		t.Errorf("read %+v, lost %d, want %+v and none", all, reader.Lost, want)
	}
	for reader.Lost == 0 { // nobody read for a week more
		now += Instant(24 * time.Hour)
		reader.Next(now)
		if now > Instant(4*within) {
			t.Fatal("a reader that comes two weeks late has lost nothing")
		}
	}
}

// A full table favours nobody: of both sides the same share of visits is dropped, whether or not they convert.
func TestAFullTableIsNoOnesAdvantage(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	counts := new(VisitCounts)
	v := NewVisits(VisitsConfig{Users: 1 << 14, Within: time.Hour, Counts: counts})
	const users = 100_000 // six times as many, all open
	var came, taken [2]float64
	at := Instant(0)
	for range users {
		at += ms
		h, s := r.Uint64(), Side(r.IntN(2))
		came[s]++
		if v.Visit(h, int(s), s, at) {
			taken[s]++
			if s == CanarySide && r.IntN(2) == 0 { // those of one side convert
				v.Convert(h, at, at)
			}
		}
	}
	if dropped := counts.Dropped(); float64(dropped) != users-taken[0]-taken[1] || dropped < users/2 {
		t.Fatalf("seed %d: %d dropped, want all %g that were not taken, over half", seed, dropped, users-taken[0]-taken[1])
	}
	if canary, stable := taken[0]/came[0], taken[1]/came[1]; canary/stable < 0.94 || canary/stable > 1.06 {
		t.Errorf("seed %d: %.3f of the canary's visits found a place, %.3f of stable's", seed, canary, stable)
	}
	if v.Visit(0xfedcba9876543210, 0, CanarySide, at+Instant(2*time.Hour)) == false {
		t.Errorf("seed %d: no place when all visits are closed", seed)
	}
}

func TestAMillionUsersTakeTheirTable(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	counts := new(VisitCounts)
	v := NewVisits(VisitsConfig{Users: 1_000_000, Within: time.Hour, Counts: counts})
	r := rand.New(rand.NewPCG(1, 2))
	began := 0
	for i := range 1_000_000 {
		if v.Visit(r.Uint64(), 0, Side(i&1), Instant(i)*Instant(time.Millisecond)) {
			began++
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 18<<20 {
		t.Errorf("a million users took %d bytes, want 16 MiB of places and half a MiB of blocks", grown)
	}
	if dropped := counts.Dropped(); dropped > 12_000 || began+int(dropped) != 1_000_000 {
		t.Errorf("%d began and %d were dropped, want under 1.2 %% of a million", began, dropped)
	}
}

// Many write at once: no visit and no conversion is counted twice or lost.
func TestManyVisitorsAtOnce(t *testing.T) {
	t.Parallel()
	const users, workers = 5000, 4
	v := NewVisits(VisitsConfig{Users: 4 * users, Within: time.Hour, Once: true})
	var done sync.WaitGroup
	for w := range workers {
		done.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 3))
			for range 40_000 {
				i := 1 + r.IntN(users)
				v.Visit(key(i), 0, Side(i&1), ms)
				if i%4 == 0 {
					v.Convert(key(i), ms, ms)
				}
			}
		})
	}
	done.Wait()
	want := Visitors{Visits: Sides{Canary: users / 2, Stable: users / 2}, Converted: Sides{Canary: users / 4}}
	if got := v.read(0); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestVisitsAllocateNothing(t *testing.T) {
	v := NewVisits(VisitsConfig{Users: 1000, Within: time.Second})
	i, at := 0, Instant(0)
	n := testing.AllocsPerRun(20_000, func() {
		i++
		at += Instant(100 * time.Microsecond)
		v.Visit(key(1+i%900), 0, CanarySide, at)
		v.Convert(key(1+i%450), at, at)
	})
	if n != 0 {
		t.Errorf("%g allocations a request, want 0", n)
	}
}

// Whatever a request names, the table stays whole: a user has at most one word, and no block has more conversions than visits.
func FuzzVisits(f *testing.F) {
	f.Add(uint64(1), []byte{0, 1, 2, 3, 200, 4, 9})
	f.Add(uint64(1)<<63, []byte{255, 254, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8})
	f.Fuzz(func(t *testing.T, salt uint64, steps []byte) {
		v := NewVisits(VisitsConfig{Users: 64, Within: 300 * time.Millisecond})
		at := Instant(salt % (1 << 50))
		for _, b := range steps {
			h := (salt + uint64(b>>2)) * 0x9e3779b97f4a7c15
			switch b & 3 {
			case 0:
				at += Instant(b) * ms
			case 1:
				v.Convert(h, at, at)
			default:
				v.Visit(h, int(b), Side(b&3), at)
			}
			seen := 0
			line := v.line(h)
			for i := range line {
				if sameVisitor(line[i].Load(), h) {
					seen++
				}
			}
			u := v.read(at.whole(v.length))
			if seen > 1 || u.Converted.Canary > u.Visits.Canary || u.Converted.Stable > u.Visits.Stable {
				t.Fatalf("a user has %d words, the block is %+v", seen, u)
			}
		}
	})
}
