package rollout

import (
	"math"
	"slices"
	"testing"
	"time"

	"sluice/metrics"
)

// A few requests make a poor block: then both halves of a second are one. Nothing is judged twice, and nothing is left out.
func TestLatenciesAreJudgedByHalvesOfASecondWhereThereAreEnough(t *testing.T) {
	t.Parallel()
	type ended struct {
		block  int64
		half   bool
		canary uint64
	}
	for name, c := range map[string]struct {
		canary, stable [4]int // by half
		from           int64  // block
		want           []ended
	}{
		"many":                   {[4]int{4, 4, 4, 4}, [4]int{36, 36, 36, 36}, 0, []ended{{4, true, 4}, {9, true, 4}, {14, true, 4}, {19, true, 4}}},
		"few on the canary":      {[4]int{3, 3, 3, 3}, [4]int{90, 90, 90, 90}, 0, []ended{{9, false, 6}, {19, false, 6}}},
		"few in all":             {[4]int{4, 4, 4, 4}, [4]int{35, 35, 35, 35}, 0, []ended{{9, false, 8}, {19, false, 8}}},
		"many, then few":         {[4]int{4, 1, 3, 2}, [4]int{36, 36, 36, 36}, 0, []ended{{4, true, 4}, {9, true, 1}, {19, false, 5}}},
		"a change in the middle": {[4]int{4, 4, 4, 4}, [4]int{9, 9, 9, 9}, 5, []ended{{9, true, 4}, {19, false, 8}}},
		"a change before":        {[4]int{4, 4, 4, 4}, [4]int{36, 36, 36, 36}, 1, []ended{{9, true, 4}, {14, true, 4}, {19, true, 4}}},
	} {
		w := watch{half: math.MinInt64, turns: []turn{{void: 0, from: c.from, weight: 500, step: 1}}}
		w.canary, w.stable = metrics.New(metrics.Config{Shards: 1, Blocks: true}), metrics.New(metrics.Config{Shards: 1, Blocks: true})
		w.reader.Restart(0)
		for half := range c.canary {
			for side, n := range map[*metrics.Meter]int{w.canary: c.canary[half], w.stable: c.stable[half]} {
				for range n {
					at := metrics.Instant(half) * metrics.Instant(time.Second/2)
					side.End(side.Begin(at, metrics.Drawn, 0), metrics.Outcome{At: at.Add(time.Millisecond)})
				}
			}
		}
		for {
			n, ok := w.reader.Next(metrics.Instant(3*time.Second), time.Second)
			if !ok {
				break
			}
			w.add(n)
		}
		var got []ended
		for _, b := range w.blocks {
			if l := b.Latency; l != nil {
				got = append(got, ended{b.Tick, l.Half, l.Canary.N()})
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
