package metrics

import (
	"math"
	"math/bits"
	"time"
)

// The buckets are log-linear, as in HdrHistogram: 32 equal ones for each power of two of nanoseconds from 512 ns to 137 s, and 32 of
// 16 ns below. A bucket is at most 1/32 of its values wide, so its middle is within 1.6 % of each. The last, from 135.3 s, has no end.
const (
	rowBits  = 5
	rowWidth = 1 << rowBits // buckets in a row
	linear   = 9            // values under 2^9 ns have a row of their own
	numRows  = 1 + 28       // 2^9 … 2^37 ns

	// NumBuckets is the number of a Histogram's buckets.
	NumBuckets = numRows * rowWidth
)

// Histogram counts durations; its zero value is empty and ready. It is a plain value for one goroutine, 7.4 KB large.
type Histogram struct {
	count   uint64
	buckets [NumBuckets]uint64
}

// bucketOf is the number of the bucket that holds d.
func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 1<<linear {
		return int(v >> (linear - rowBits))
	}
	power := bits.Len64(v) - 1
	if power >= linear+numRows-1 {
		return NumBuckets - 1
	}
	return (power-linear+1)<<rowBits | int(v>>(power-rowBits))&(rowWidth-1)
}

// BucketUpper is the end of bucket i: it holds durations below it, from the end of the one before. The last has math.MaxInt64.
func BucketUpper(i int) time.Duration {
	if i == NumBuckets-1 {
		return math.MaxInt64
	}
	return bucketLower(i + 1)
}

func bucketLower(i int) time.Duration {
	row, column := i>>rowBits, i&(rowWidth-1)
	if row == 0 {
		return time.Duration(column << (linear - rowBits))
	}
	return time.Duration((rowWidth + column) << (row - 1 + linear - rowBits))
}

// middle stands for every value of bucket i; of the last it is the beginning.
func middle(i int) time.Duration {
	if i == NumBuckets-1 {
		return bucketLower(i)
	}
	return (bucketLower(i) + bucketLower(i+1)) / 2
}

// Record counts n durations of d.
func (h *Histogram) Record(d time.Duration, n uint64) { h.add(bucketOf(d), n) }

// RecordBucket counts n durations of bucket i, 0 ≤ i < NumBuckets.
func (h *Histogram) RecordBucket(i int, n uint64) { h.add(i, n) }

func (h *Histogram) add(bucket int, n uint64) {
	h.buckets[bucket] += n
	h.count += n
}

// Count is the number of durations counted.
func (h *Histogram) Count() uint64 { return h.count }

// Bucket is the number of durations in bucket i, 0 ≤ i < NumBuckets.
func (h *Histogram) Bucket(i int) uint64 { return h.buckets[i] }

// Quantile is the smallest duration that at least the share q of all do not exceed (nearest rank), within 1.6 %; 0 of an empty
// histogram. q is between 0 and 1.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	// A product that should be whole may come out a hair above it: 0.07 × 100 = 7.000000000000001.
	rank := max(1, min(h.count, uint64(math.Ceil(q*float64(h.count)*(1-1e-12)))))
	var seen uint64
	for i, n := range h.buckets {
		if seen += n; seen >= rank {
			return middle(i)
		}
	}
	return middle(NumBuckets - 1)
}

// Sum is all durations together in seconds, within 1.6 %.
func (h *Histogram) Sum() float64 {
	var sum float64
	for i, n := range h.buckets {
		if n > 0 {
			sum += float64(n) * middle(i).Seconds()
		}
	}
	return sum
}

// Mean is the average duration within 1.6 %; 0 of an empty histogram.
func (h *Histogram) Mean() time.Duration {
	if h.count == 0 {
		return 0
	}
	return time.Duration(h.Sum() / float64(h.count) * float64(time.Second))
}

// Above is the number of durations in the buckets after the one that holds d: those up to 3 % above d may count as not above.
func (h *Histogram) Above(d time.Duration) uint64 {
	var above uint64
	for _, n := range h.buckets[bucketOf(d)+1:] {
		above += n
	}
	return above
}

// Add adds o's durations.
func (h *Histogram) Add(o *Histogram) {
	if o.count == 0 {
		return
	}
	h.count += o.count
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
}

// Sub takes away o's durations, an earlier reading of the same counters.
func (h *Histogram) Sub(o *Histogram) {
	h.count = 0
	for i, n := range o.buckets {
		h.buckets[i] -= min(n, h.buckets[i])
		h.count += h.buckets[i]
	}
}
