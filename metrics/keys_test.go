package metrics

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// book is a Keys in maps, with every line of the rule written out.
type book struct {
	class            map[uint64]uint8
	epoch, component map[uint64]int
	side             map[uint64]Side
	now, open        int
	failed           [MaxComponents + 1]Sides
	firsts           [numSides][2]uint64
}

func (s *Sides) note(side Side) {
	switch side {
	case CanarySide:
		s.Canary++
	case MimicSide:
		s.Mimic++
		s.Stable++
	default:
		s.Stable++
	}
}

func (b *book) begin(h uint64, s Side) {
	if b.epoch[h] != b.now {
		b.epoch[h], b.side[h] = b.now, s
		b.firsts[s][0]++
	}
	if b.component[h] != b.open {
		b.component[h] = b.open
		b.firsts[s][1]++
	}
}

func (b *book) fail(h uint64, s Side) {
	if c := b.class[h]; int(c) < b.open {
		b.failed[c].note(s)
		b.class[h] = uint8(b.open)
		b.epoch[h], b.side[h] = b.now, s
	}
}

func (b *book) users() Users {
	u := Users{Open: b.open, Failed: b.failed}
	for h, e := range b.epoch {
		if e == b.now {
			u.Risk[b.class[h]].note(b.side[h])
		}
	}
	for j := range u.Risk {
		u.Risk[j] = u.Risk[j].plus(b.failed[j])
	}
	b.failed = [MaxComponents + 1]Sides{}
	return u
}

// key is a user's hash in a table of few: small numbers have places of their own.
func key(i int) uint64 { return uint64(i)<<40 | uint64(i) }

func TestKeysAreThoseOfTheSlowBook(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	k := NewKeys(2000)
	b := &book{class: map[uint64]uint8{}, epoch: map[uint64]int{}, component: map[uint64]int{}, side: map[uint64]Side{}, now: 1, open: 1}
	var reader UsersReader
	at := Instant(0)
	for i := range 20000 {
		at += 100 * Instant(time.Microsecond)
		h := key(1 + r.IntN(1500))
		s := Side(h >> 40 % uint64(numSides))
		failed := r.IntN(20) == 0
		b.begin(h, s)
		if failed {
			b.fail(h, s)
		}
		k.End(k.Begin(h, s, at), Outcome{At: at + ms, Failed: failed})
		if i%500 == 499 {
			var got Users
			reader.Read(k, &got)
			if d := cmp.Diff(b.users(), got); d != "" {
				t.Fatalf("seed %d, request %d: users (-book +keys):\n%s", seed, i, d)
			}
			if r.IntN(3) == 0 {
				k.Epoch(false)
				b.now++
			}
			if r.IntN(8) == 0 && b.open < MaxComponents {
				b.open++
				k.Open(b.open)
			}
		}
	}
	b.firsts[StableSide][0] += b.firsts[MimicSide][0]
	if got := k.MimicFirsts().Totals().Counts[Pinned].Requests; got != b.firsts[MimicSide][1] {
		t.Errorf("seed %d: the mimics' first requests of a component = %d, want %d", seed, got, b.firsts[MimicSide][1])
	}
	for _, s := range []Side{CanarySide, StableSide} {
		counts := k.Firsts(s).Totals().Counts
		if got := [2]uint64{counts[Drawn].Requests, counts[Pinned].Requests}; got != b.firsts[s] {
			t.Errorf("seed %d: first requests of side %d = %v, want %v", seed, s, got, b.firsts[s])
		}
	}
}

func TestAUserIsBadOnceInAComponent(t *testing.T) {
	t.Parallel()
	k := NewKeys(100)
	var reader UsersReader
	var u Users
	failAt := func(at Instant) { k.End(k.Begin(key(7), CanarySide, at), Outcome{At: at, Failed: true}) }
	for i := range 5 {
		failAt(Instant(i) * ms)
	}
	reader.Read(k, &u)
	if u.Risk[0] != (Sides{Canary: 1}) || u.Failed[0] != (Sides{Canary: 1}) {
		t.Errorf("after five failures: risk %+v, failed %+v, want one user each", u.Risk[0], u.Failed[0])
	}
	k.Open(2)
	failAt(10 * ms)
	failAt(11 * ms)
	reader.Read(k, &u)
	if u.Failed[0] != (Sides{}) || u.Failed[1] != (Sides{Canary: 1}) {
		t.Errorf("in the second component: failed %+v, want one of class 1", u.Failed[:2])
	}
}

func TestAnEndFromBeforeTheWeightChangedIsNoFailure(t *testing.T) {
	t.Parallel()
	k := NewKeys(100)
	var reader UsersReader
	var u Users
	old, kept := k.Begin(key(1), StableSide, 0), k.Begin(key(2), StableSide, 0)
	k.Epoch(false)
	k.End(kept, Outcome{At: ms, Failed: true})
	k.Epoch(true)
	k.End(old, Outcome{At: ms, Failed: true})
	reader.Read(k, &u)
	if u.Failed[0] != (Sides{Stable: 1}) {
		t.Errorf("failed = %+v, want the one that began before an epoch, not the one before a weight", u.Failed[0])
	}
}

func TestWhoTakesTooLongHasFailed(t *testing.T) {
	t.Parallel()
	k := NewKeys(100)
	k.Patience(time.Second)
	var reader UsersReader
	var u Users
	k.End(k.Begin(key(1), CanarySide, 0), Outcome{At: 999 * ms})
	k.End(k.Begin(key(2), CanarySide, 0), Outcome{At: 1001 * ms})
	k.End(k.Begin(key(3), CanarySide, 0), Outcome{At: 1001 * ms, Void: true})
	k.End(Trial{}, Outcome{Failed: true})
	reader.Read(k, &u)
	if u.Failed[0] != (Sides{Canary: 1}) {
		t.Errorf("failed = %+v, want the one of 1001 ms", u.Failed[0])
	}
}

// Many write, one reads and begins epochs: nobody is counted twice, and whoever failed is counted.
func TestManyUsersAtOnce(t *testing.T) {
	t.Parallel()
	const users, workers = 4000, 4
	k := NewKeys(users)
	var done sync.WaitGroup
	for w := range workers {
		done.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range 20000 {
				h := key(1 + r.IntN(users))
				at := Instant(i) * Instant(time.Microsecond)
				k.End(k.Begin(h, Side(h>>40&1), at), Outcome{At: at + ms, Failed: h>>40%4 == 0})
			}
		})
	}
	var reader UsersReader
	var u Users
	var failed Sides
	count := func() {
		reader.Read(k, &u)
		for j := range u.Failed {
			failed.Canary += u.Failed[j].Canary
			failed.Stable += u.Failed[j].Stable
		}
	}
	for range 50 {
		count()
		k.Epoch(false)
	}
	done.Wait()
	count()
	if failed.Canary != users/4 || failed.Stable != 0 {
		t.Errorf("failed = %+v, want %d on the side of even numbers, once each", failed, users/4)
	}
}

func TestKeysAllocateNothing(t *testing.T) {
	k := NewKeys(1000)
	i, at := 0, Instant(0)
	request := func() {
		i++
		at += Instant(50 * time.Microsecond)
		h := key(1 + i%900)
		k.End(k.Begin(h, StableSide, at), Outcome{At: at + ms, Failed: i%100 == 0})
		if i%5000 == 0 {
			k.Epoch(false)
		}
	}
	for range 30000 {
		request()
	}
	if n := testing.AllocsPerRun(20000, request); n != 0 {
		t.Errorf("%g allocations a request, want 0", n)
	}
}

func BenchmarkKeys(b *testing.B) {
	k := NewKeys(100_000)
	at := Instant(0)
	r := rand.New(rand.NewPCG(1, 1))
	hashes := make([]uint64, 1<<16)
	for i := range hashes {
		hashes[i] = r.Uint64()
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		at += Instant(5 * time.Microsecond)
		k.End(k.Begin(hashes[i&(1<<16-1)], StableSide, at), Outcome{At: at + 3*ms, Failed: i&1023 == 0})
	}
}
