package metrics

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBucketsCoverAllDurationsWithoutAGap(t *testing.T) {
	t.Parallel()
	for i := range NumBuckets - 1 {
		lower, upper := bucketLower(i), BucketUpper(i)
		if bucketOf(lower) != i || bucketOf(upper-1) != i || bucketOf(upper) != i+1 {
			t.Fatalf("bucket %d [%d, %d): bucketOf = %d, %d, %d", i, lower, upper, bucketOf(lower), bucketOf(upper-1), bucketOf(upper))
		}
	}
	for d, want := range map[time.Duration]int{-time.Second: 0, 0: 0, 136 * time.Second: NumBuckets - 1, math.MaxInt64: NumBuckets - 1} {
		if got := bucketOf(d); got != want {
			t.Errorf("bucketOf(%d) = %d, want %d", d, got, want)
		}
	}
}

func TestADurationIsKeptWithinTwoPercent(t *testing.T) {
	t.Parallel()
	worst := 0.0
	for d := time.Microsecond; d < 134*time.Second; d += 1 + d/1000 {
		var h Histogram
		h.Record(d, 1)
		for _, got := range []time.Duration{h.Quantile(0.5), h.Mean()} {
			worst = max(worst, math.Abs(float64(got-d))/float64(d))
		}
	}
	if worst > 0.02 {
		t.Errorf("worst relative error = %.4f, want ≤ 0.02", worst)
	}
}

func TestQuantilesMeanAndAboveAgreeWithTheExactValues(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{1, 2, 19, 20, 1000, 50_000} {
		var h Histogram
		exact := make([]time.Duration, n)
		sum := 0.0
		for i := range exact {
			exact[i] = time.Duration(math.Exp(r.NormFloat64()*1.5) * float64(20*time.Millisecond))
			sum += float64(exact[i])
			h.Record(exact[i], 1)
		}
		slices.Sort(exact)
		for _, q := range []float64{0, 0.07, 0.5, 0.9, 0.95, 0.99, 0.999, 1} {
			want := exact[max(0, int(math.Ceil(math.Round(q*float64(n)*1e6)/1e6))-1)]
			near(t, seed, "quantile", float64(h.Quantile(q)), float64(want))
		}
		near(t, seed, "mean", float64(h.Mean()), sum/float64(n))
		for _, d := range []time.Duration{0, 5 * time.Millisecond, 100 * time.Millisecond, time.Second} {
			above := func(limit float64) uint64 {
				i, _ := slices.BinarySearch(exact, time.Duration(limit)+1)
				return uint64(n - i)
			}
			if got := h.Above(d); got > above(float64(d)) || got < above(float64(d)*1.033+16) {
				t.Errorf("seed %d: Above(%v) = %d of %d, want between %d and %d", seed, d, got, n, above(float64(d)*1.033+16), above(float64(d)))
			}
		}
	}
}

func near(t *testing.T, seed uint64, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.02*want {
		t.Errorf("seed %d: %s = %v, want %v within 2 %%", seed, what, time.Duration(got), time.Duration(want))
	}
}

func TestAQuantileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Mean() != 0 {
		t.Errorf("of nothing: %v, %v, want 0", h.Quantile(0.5), h.Mean())
	}
	for i := range 100 {
		h.Record(time.Duration(i+1)*time.Second, 1)
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.01: 1, 0.07: 7, 0.5: 50, 0.95: 95, 0.951: 96, 1: 100} {
		if got := h.Quantile(q); bucketOf(got) != bucketOf(want*time.Second) {
			t.Errorf("Quantile(%v) = %v, want %v", q, got, want*time.Second)
		}
	}
}

func TestHistogramsMergeByAddition(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	var a, b, both Histogram
	for range 1000 {
		d := time.Duration(r.Int64N(1 << (10 + r.IntN(28))))
		both.Record(d, 2)
		if r.IntN(2) == 0 {
			a.Record(d, 2)
		} else {
			b.Record(d, 2)
		}
	}
	sum := a
	sum.Add(&b)
	if sum != both {
		t.Errorf("seed %d: a + b differs from both", seed)
	}
	sum.Sub(&a)
	if sum != b {
		t.Errorf("seed %d: a + b - a differs from b", seed)
	}
	var n uint64
	for i := range NumBuckets {
		n += both.Bucket(i)
	}
	if n != 2000 || both.Count() != 2000 {
		t.Errorf("seed %d: count = %d, buckets' sum %d, want 2000", seed, both.Count(), n)
	}
}
