package load

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// The buckets are log-linear as in HdrHistogram: 1024 equal ones for each power of two of nanoseconds, so that a bucket is at most
// 1/1024 of its values wide, which is three significant digits. The meters of the proxy have 32, for a hundredth of the memory.
const (
	subBits   = 10
	subCount  = 1 << subBits
	maxPower  = 37 // 2^37 ns is 137 s
	numBucket = (maxPower - subBits + 1) * subCount
)

// Histogram counts durations up to 137 s; longer ones are in the last bucket. Many goroutines may add to it at once. It is 224 KiB large;
// the zero value is empty and ready.
type Histogram struct {
	buckets [numBucket]atomic.Uint64
	longest atomic.Int64
}

// Add counts d; a negative one counts as 0.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucketOf(d)].Add(1)
	for {
		old := h.longest.Load()
		if int64(d) <= old || h.longest.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

func bucketOf(d time.Duration) int {
	v := uint64(d)
	if v < subCount {
		return int(v)
	}
	power := bits.Len64(v) - 1
	if power >= maxPower {
		return numBucket - 1
	}
	return (power-subBits+1)<<subBits | int(v>>(power-subBits))&(subCount-1)
}

// middleOf stands for the values of bucket i.
func middleOf(i int) time.Duration {
	row, column := i>>subBits, i&(subCount-1)
	if row == 0 {
		return time.Duration(column)
	}
	lower := time.Duration(subCount+column) << (row - 1)
	return lower + (1<<(row-1))/2
}

// Count is how many durations were added.
func (h *Histogram) Count() uint64 {
	var n uint64
	for i := range h.buckets {
		n += h.buckets[i].Load()
	}
	return n
}

// Max is the longest, exactly.
func (h *Histogram) Max() time.Duration { return time.Duration(h.longest.Load()) }

// Quantile is the duration that a share q of all does not exceed, within a thousandth; 0 of an empty histogram.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := max(1, uint64(math.Ceil(q*float64(h.Count()))))
	var seen uint64
	for i := range h.buckets {
		if seen += h.buckets[i].Load(); seen >= rank {
			return min(middleOf(i), h.Max())
		}
	}
	return 0
}

// Mean is the average, within a thousandth.
func (h *Histogram) Mean() time.Duration {
	var n, sum float64
	for i := range h.buckets {
		if c := float64(h.buckets[i].Load()); c > 0 {
			n, sum = n+c, sum+c*float64(middleOf(i))
		}
	}
	return time.Duration(sum / max(n, 1))
}
