package analysis

import (
	"math"
	"time"

	"sluice/metrics"
)

// shownAlpha is of the intervals that are shown.
const shownAlpha = 0.05

// quantiles is where the q-quantile of latencies can be (95 %, at every moment at once), from counts alone and whatever their distribution:
// all edges x of buckets but those for which the number of latencies up to x speaks against their share being q (decision.md 1.c). late have
// not ended and have taken age at least: for the lower end they take no more, for the upper one they never end. A high of 0 is no bound.
//
// A share p at an edge is held against q by a Beta(1/2, 1/2) mixture over p. Each end needs the evidence of one edge only, the quantile's own,
// since it rises with the count: no union over edges. With m of the mixture's mass on one side of q, that side is at most m + (evidence it
// began with) in the mean, and the other side adds at most 1: evidence of 1/α + 1 is reached with a probability of α at most, both ends together.
func quantiles(good *metrics.Histogram, late uint64, age time.Duration, q float64) (low, high time.Duration) {
	n := good.Count() + late
	if n == 0 {
		return 0, 0
	}
	few, many := ends(n, q)
	open, seen := bucketOf(age), uint64(0)
	lowest := -1
	for i := range metrics.NumBuckets {
		seen += good.Bucket(i)
		at := seen
		if i >= open {
			at += late
		}
		if lowest < 0 && at >= few {
			lowest = i
		}
		if seen >= many {
			high = metrics.BucketUpper(i)
			break
		}
	}
	if lowest > 0 {
		low = metrics.BucketUpper(lowest - 1)
	}
	if high == math.MaxInt64 {
		high = 0
	}
	return low, high
}

// ends are the least count of n that a share of q allows, and the least that it does not allow any more.
func ends(n uint64, q float64) (few, many uint64) {
	c := float64(n)
	half := logBeta(0.5, 0.5)
	out := func(k uint64) bool {
		e := float64(k)
		return logBeta(0.5+e, 0.5+c-e)-half-xlogy(e, q)-xlogy(c-e, 1-q) >= math.Log(1/shownAlpha+1)
	}
	middle := uint64(q * c)
	few = first(0, middle, func(k uint64) bool { return !out(k) })
	many = first(min(middle+1, n), n+1, func(k uint64) bool { return k > n || out(k) })
	return few, many
}

// first is the least number from lo to hi that is so; hi is.
func first(lo, hi uint64, is func(uint64) bool) uint64 {
	for lo < hi {
		if mid := (lo + hi) / 2; is(mid) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}
