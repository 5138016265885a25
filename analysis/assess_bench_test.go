package analysis

import (
	"testing"

	"sluice/metrics"
)

// One look of 100 ms at 1000 requests a second, with each kind of rule.
func BenchmarkAssess(b *testing.B) {
	for name, sticky := range map[string]bool{"drawn": false, "sticky": true} {
		b.Run(name, func(b *testing.B) {
			r := newChance(1)
			a, s, tick := New(everyRule(sticky)), State{}, int64(0)
			l := r.latencies(25, 475, 1)
			l.Half = true
			pairs := make([]Pair, 64)
			for i := range pairs {
				pairs[i] = r.pair(100, 0.05, 0.001, 0.001)
			}
			u := &metrics.Users{Open: 1}
			u.Risk[0] = metrics.Sides{Canary: 1000, Stable: 19000}
			u.Failed[0] = metrics.Sides{Stable: 1}
			look := func() {
				blk := block(tick, pairs[tick%64])
				blk.Firsts, blk.Users = blk.Drawn, u
				if tick%5 == 4 {
					blk.Latency = l
				}
				one := [1]Block{blk}
				a.Assess(&s, one[:], step1)
				tick++
			}
			for range 300 {
				look()
			}
			b.ReportAllocs()
			for b.Loop() {
				look()
			}
		})
	}
}

func TestALookAndItsControlAllocateNothing(t *testing.T) {
	for _, sticky := range []bool{false, true} {
		r := newChance(1)
		a, s, tick := New(everyRule(sticky)), State{}, int64(0)
		control := NewControl(everyRule(sticky))
		l, u := r.latencies(50, 950, 1), &metrics.Users{Open: 1}
		u.Risk[0], u.Failed[0] = metrics.Sides{Canary: 1000, Stable: 19000}, metrics.Sides{Stable: 1}
		p := r.pair(100, 0.05, 0.001, 0.001)
		one := make([]Block, 1)
		look := func() {
			one[0] = block(tick, p)
			one[0].Firsts, one[0].Users = p, u
			if tick%10 == 9 {
				one[0].Latency = l
			}
			a.Assess(&s, one, step1)
			control.Add(one)
			tick++
		}
		for range 200 {
			look()
		}
		if n := testing.AllocsPerRun(500, look); n != 0 {
			t.Errorf("sticky %t: %g allocations a look and its control, want 0", sticky, n)
		}
	}
}
