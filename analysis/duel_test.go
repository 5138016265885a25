package analysis

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/metrics"
)

// fight gives a duel blocks of so many requests a side, which fail at these rates, until somebody has won; of conversions visits that close
// without one.
func fight(r *rand.Rand, metric string, confidence float64, blocks, n int, canary, stable float64) string {
	d, s := NewDuel(metric, confidence, metric == Conversions, time.Hour), DuelState{}
	draw := func(p float64) Tally {
		t := Tally{N: uint64(n)}
		for range n {
			if r.Float64() < p {
				t.Bad++
			}
		}
		return t
	}
	const look = 10 // blocks: each is looked at by itself, and findings take their time
	var some []Block
	for i := range blocks {
		b := Block{Tick: int64(i), Weight: 5000, Step: 1, Drawn: Pair{Canary: draw(canary), Stable: draw(stable)}}
		if metric == Conversions {
			b.Visits, b.VisitsWeight = b.Drawn, b.Weight
		}
		b.Judged = b.Drawn.Canary
		if some = append(some, b); len(some) == look {
			if got := d.Add(&s, some, Now{Step: 1}); got.Winner != "" {
				return got.Winner
			}
			some = some[:0]
		}
	}
	return ""
}

func TestOfTwoEqualVersionsOneWinsNoMoreOftenThanPromisedHoweverOftenOneLooks(t *testing.T) {
	t.Parallel()
	seed := uint64(20261124)
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	const runs, alpha = 200, 0.1
	for _, metric := range []string{ErrorRate, Conversions} {
		won := map[string]int{}
		for range runs {
			won[fight(r, metric, 1-alpha, 800, 30, 0.05, 0.05)]++
		}
		// alpha × runs is 20, and 33 are three standard deviations more.
		if wins := won[CanaryWins] + won[StableWins]; wins > 33 {
			t.Errorf("%s: in %d of %d tests of equal versions one won (%v), want about %v at most", metric, wins, runs, won, alpha*runs)
		}
	}
}

func TestTheBetterVersionWinsWhicheverOfTheTwoItIs(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 20 {
		metric := []string{ErrorRate, Conversions}[i%2]
		if got := fight(r, metric, 0.999, 3000, 30, 0.02, 0.05); got != CanaryWins {
			t.Fatalf("%s: the canary fails 2 %%, stable 5 %%: %q wins, want the canary", metric, got)
		}
		if got := fight(r, metric, 0.999, 3000, 30, 0.05, 0.02); got != StableWins {
			t.Fatalf("%s: the canary fails 5 %%, stable 2 %%: %q wins, want stable", metric, got)
		}
	}
}

func TestWhoHasWonADuelStaysTheWinner(t *testing.T) {
	t.Parallel()
	d, s := NewDuel(ErrorRate, 0.999, false, time.Hour), DuelState{}
	block := func(tick int64, canary, stable uint64) []Block {
		return []Block{{Tick: tick, Weight: 5000, Step: 1, Drawn: Pair{Canary: Tally{N: 100, Bad: canary}, Stable: Tally{N: 100, Bad: stable}}}}
	}
	tick := int64(0)
	for ; s.Winner == "" && tick < 1000; tick++ {
		d.Add(&s, block(tick, 2, 20), Now{Step: 1})
	}
	s.Fold(FoldedByCrash)
	s.FoldUsers()
	for range 1000 {
		tick++
		d.Add(&s, block(tick, 90, 2), Now{Step: 1})
	}
	if s.Winner != CanaryWins {
		t.Errorf("winner %q, want the first one, the canary", s.Winner)
	}
}

func TestTurningABlockExchangesTheSidesOfEverythingInIt(t *testing.T) {
	t.Parallel()
	d := NewDuel(ErrorRate, 0.999, true, time.Hour)
	u := &metrics.Users{Open: 2}
	u.Risk[1], u.Failed[1] = metrics.Sides{Canary: 1, Stable: 2, Mimic: 1}, metrics.Sides{Canary: 3, Stable: 4}
	pair := func(n uint64) Pair { return Pair{Canary: Tally{N: n, Bad: 1}, Stable: Tally{N: n + 1, Bad: 2}} }
	in := Block{
		Tick: 7, Length: 2, Weight: 2000, Step: 1, Next: 10000, Drawn: pair(10), Judged: Tally{N: 99}, Firsts: pair(20), Users: u,
		Latency: &Latencies{}, Visits: pair(30), VisitsWeight: 2500,
	}
	turned := &metrics.Users{Open: 2}
	turned.Risk[1], turned.Failed[1] = metrics.Sides{Canary: 2, Stable: 1}, metrics.Sides{Canary: 4, Stable: 3}
	other := func(n uint64) Pair { return Pair{Canary: Tally{N: n + 1, Bad: 2}, Stable: Tally{N: n, Bad: 1}} }
	want := Block{
		Tick: 7, Length: 2, Weight: 8000, Step: 1, Drawn: other(10), Judged: other(10).Canary, Firsts: other(20), Users: turned, Visits: other(30), VisitsWeight: 7500,
	}
	if diff := cmp.Diff(want, d.turn([]Block{in})[0]); diff != "" {
		t.Errorf("turned (-want +got):\n%s", diff)
	}
	if u.Risk[1].Canary != 1 {
		t.Error("the block itself was changed")
	}
}
