package analysis

import "testing"

func TestTheControlSeesTrafficThatBreaksTheAssumptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		last int64 // ticks for which a failure goes on, on one side
		over bool
	}{{"failures that come alone", 1, false}, {"users that try again and again", 50, true}} {
		r, control := newChance(1), NewControl(errorRules(0.001))
		until := [2]int64{-1, -1}
		for tick := range int64(12000) {
			b := r.pair(100, 0.05, 0, 0)
			for i, s := range []*Tally{&b.Canary, &b.Stable} {
				if r.Float64() < []float64{0.05, 0.95}[i]*0.2/float64(c.last) {
					until[i] = tick + c.last
				}
				if tick < until[i] {
					s.add(Tally{N: 1, Bad: 1})
				}
			}
			control.Add([]Block{block(tick, b)})
		}
		if got := control.Max(); got >= 20 != c.over {
			t.Errorf("%s: largest evidence %g, want over 20 = %t", c.name, got, c.over)
		}
	}
}

func TestTheControlForgetsWhatWasADayAgo(t *testing.T) {
	t.Parallel()
	control := NewControl(errorRules(0.001))
	bad := Pair{Canary: Tally{N: 5, Bad: 5}, Stable: Tally{N: 95}}
	good := Pair{Canary: Tally{N: 5}, Stable: Tally{N: 95}}
	for tick := range int64(100) {
		control.Add([]Block{block(tick, bad)})
	}
	if control.Max() < 1000 {
		t.Fatalf("largest evidence %g, want the threshold at least", control.Max())
	}
	control.Add([]Block{block(23*ticksAnHour, good)})
	within := control.Max()
	control.Add([]Block{block(48*ticksAnHour, good)})
	if within < 1000 || control.Max() > 20 {
		t.Errorf("largest evidence within a day %g, after it %g", within, control.Max())
	}
}
