package analysis

import (
	"math/rand/v2"
	"testing"
)

// drawn makes blocks of n requests of which the canary really gets share.
func drawn(r *rand.Rand, weight uint16, n int, share float64) *Block {
	b := &Block{Weight: weight}
	for range n {
		if r.Float64() < share {
			b.Drawn.Canary.N++
		} else {
			b.Drawn.Stable.N++
		}
	}
	return b
}

func TestASampleRatioAlarmsNoMoreOftenThanPromisedWhateverTheWeights(t *testing.T) {
	t.Parallel()
	const seed, runs, level = 77, 400, 20
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, seed))
	alarms := 0
	for range runs {
		var q Ratio
		for i := range 600 {
			w := [...]uint16{500, 2500, 5000}[i/200]
			q.Add(drawn(r, w, 20, float64(w)/10000), false)
			if q.Evidence() >= level {
				alarms++
				break
			}
		}
	}
	// runs/level is 20, and 33 are three standard deviations more.
	if alarms > 33 {
		t.Errorf("%d of %d runs of a right ratio had evidence of %d, want about %d at most", alarms, runs, level, runs/level)
	}
}

func TestASampleRatioThatIsWrongIsFound(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	for _, share := range []float64{0.01, 0.04, 0.06, 0.2} {
		var q Ratio
		n := 0
		for ; q.Evidence() < AlarmingRatio && n < 10000; n++ {
			q.Add(drawn(r, 500, 20, share), false)
		}
		if n == 10000 {
			t.Errorf("a share of %v in place of 0.05 is not found in %d draws", share, 20*n)
		}
	}
}

func TestASampleRatioCountsUsersOnceAndNothingWithoutADraw(t *testing.T) {
	t.Parallel()
	var q Ratio
	q.Add(&Block{Weight: 5000, Drawn: Pair{Canary: Tally{N: 1000}}, Firsts: Pair{Canary: Tally{N: 1}, Stable: Tally{N: 1}}}, true)
	q.Add(&Block{Weight: 0, Drawn: Pair{Stable: Tally{N: 1000}}}, false)
	q.Add(&Block{Weight: 10000, Drawn: Pair{Canary: Tally{N: 1000}}}, false)
	q.Closed = true
	q.Add(&Block{Weight: 5000, Drawn: Pair{Canary: Tally{N: 1000}}}, false)
	if q.All != 2 || q.Evidence() > 1 {
		t.Errorf("%+v with evidence %v, want the two users alone", q, q.Evidence())
	}
}
