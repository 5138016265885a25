package backend

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/metrics"
)

func several(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("http://10.0.0.%d:80", i+1))
	}
	return out
}

func TestConsistentHashMovesOnlyTheKeysOfAnEndpointThatGoes(t *testing.T) {
	t.Parallel()
	const keys = 20000
	all := newBackend(t, Config{Balancing: ConsistentHash, Endpoints: several(10)})
	fewer := newBackend(t, Config{Balancing: ConsistentHash, Endpoints: several(9)})
	counts, moved := map[string]int{}, 0
	for key := range uint64(keys) {
		k := mix(key + 1)
		before, after := all.Choose(Ask{Key: k, Draw: rand.Uint64()}).URL(), fewer.Choose(Ask{Key: k, Draw: rand.Uint64()}).URL()
		counts[before]++
		if before != after {
			moved++
			if before != "http://10.0.0.10:80" {
				t.Fatalf("a key of %s moved to %s", before, after)
			}
		}
	}
	for u, n := range counts {
		if n < keys/10*9/10 || n > keys/10*11/10 {
			t.Errorf("%s has %d of %d keys, want about a tenth", u, n, keys)
		}
	}
	if moved != counts["http://10.0.0.10:80"] {
		t.Errorf("%d keys moved, want the %d of the endpoint that went", moved, counts["http://10.0.0.10:80"])
	}
	for _, e := range all.Endpoints()[:1] {
		e.found(false, false)
	}
	for key := range uint64(1000) {
		if e := all.Choose(Ask{Key: mix(key + 1)}); e == all.Endpoints()[0] {
			t.Fatal("a key went to an endpoint that is down")
		}
	}
}

func TestTheRequestsOfAnEndpointThatIsDownAreSharedByAllOthers(t *testing.T) {
	t.Parallel()
	for _, how := range []Balancing{RoundRobin, Random} {
		b := newBackend(t, Config{Balancing: how, Endpoints: several(4)})
		b.Endpoints()[1].found(false, false)
		counts := map[string]int{}
		for range 9000 {
			counts[b.Pick(rand.Uint64()).URL()]++
		}
		for u, n := range counts {
			if n < 2700 || n > 3300 {
				t.Errorf("balancing %d: %s got %d of 9000, want about 3000", how, u, n)
			}
		}
	}
}

func TestAChoiceAvoidsAnEndpointOnlyWhileThereIsAnother(t *testing.T) {
	t.Parallel()
	for how := LeastRequest; how <= ConsistentHash; how++ {
		b := newBackend(t, Config{Balancing: how, Endpoints: several(2)})
		one, two := b.Endpoints()[0], b.Endpoints()[1]
		for range 100 {
			if got := b.Choose(Ask{Draw: rand.Uint64(), Key: rand.Uint64(), Except: one}); got != two {
				t.Fatalf("balancing %d chose %s, which was to be avoided", how, got.URL())
			}
		}
		two.found(false, false)
		if got := b.Choose(Ask{Draw: rand.Uint64(), Except: one}); got != one {
			t.Errorf("balancing %d: Choose = %v, want the only one left", how, got)
		}
	}
}

func TestAChoiceAllocatesNothing(t *testing.T) {
	for how := LeastRequest; how <= ConsistentHash; how++ {
		b := newBackend(t, Config{Balancing: how, Endpoints: several(5), Outlier: &Outlier{ConsecutiveErrors: 5, EjectFor: time.Hour}})
		if n := testing.AllocsPerRun(100, func() {
			e := b.Pick(rand.Uint64())
			e.Note(false)
		}); n != 0 {
			t.Errorf("balancing %d: %v allocations a choice", how, n)
		}
	}
}

func TestAnEndpointThatIsBackWarmsUp(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Config{Balancing: Random, Endpoints: several(2), SlowStart: time.Hour})
	e := b.Endpoints()[0]
	share := func() float64 {
		n := 0
		for range 10000 {
			if b.Pick(rand.Uint64()) == e {
				n++
			}
		}
		return float64(n) / 10000
	}
	e.found(false, false)
	e.found(true, true)
	if got := share(); got <= 0 || got > 0.05 {
		t.Errorf("just back it gets %.3f of the requests, want a little", got)
	}
	e.since.Store(int64(metrics.Now().Add(-30 * time.Minute)))
	if got := share(); got < 0.2 || got > 0.3 {
		t.Errorf("half warm it gets %.3f of the requests, want a quarter", got)
	}
	e.since.Store(int64(metrics.Now().Add(-time.Hour)))
	if got := share(); got < 0.45 || got > 0.55 || e.state.Load() != 0 {
		t.Errorf("warm it gets %.3f of the requests, want half", got)
	}
}

// Pick is Choose for a request of which nothing is known.
func (b *Backend) Pick(draw uint64) *Endpoint { return b.Choose(Ask{Draw: draw, Key: draw}) }
