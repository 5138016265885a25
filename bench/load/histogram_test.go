package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestQuantilesHaveThreeSignificantDigits(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	var h Histogram
	var all []time.Duration
	for range 20_000 {
		d := time.Duration(math.Exp(random.Float64() * math.Log(1e11))) // 1 ns to 100 s
		h.Add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[max(0, int(math.Ceil(q*float64(len(all))))-1)]
		if got := h.Quantile(q); math.Abs(float64(got-want)) > float64(want)/1000+1 {
			t.Errorf("seed %d: Quantile(%v) = %v, want %v", seed, q, got, want)
		}
	}
	if h.Max() != all[len(all)-1] || h.Count() != 20_000 {
		t.Errorf("seed %d: %d, longest %v; want 20000, %v", seed, h.Count(), h.Max(), all[len(all)-1])
	}
}

func TestBucketsAreInOrderAndHoldTheirMiddle(t *testing.T) {
	t.Parallel()
	for i := range numBucket {
		if got := bucketOf(middleOf(i)); got != i {
			t.Fatalf("bucketOf(%v) = %d, want %d", middleOf(i), got, i)
		}
	}
	if got := bucketOf(math.MaxInt64); got != numBucket-1 {
		t.Errorf("the longest duration is in bucket %d, want the last", got)
	}
}

func BenchmarkAdd(b *testing.B) {
	var h Histogram
	for b.Loop() {
		h.Add(123 * time.Microsecond)
	}
}
