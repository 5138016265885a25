package analysis

import (
	"math"
	"time"

	"sluice/metrics"
)

// lowerEdge and upperEdge of a latency bucket in nanoseconds.
func lowerEdge(i int) float64 {
	if i == 0 {
		return 0
	}
	return float64(metrics.BucketUpper(i - 1))
}

func upperEdge(i int) float64 {
	if i >= badBucket-1 {
		return math.Inf(1)
	}
	return float64(metrics.BucketUpper(i))
}

func duration(ns float64) time.Duration { return time.Duration(min(ns, math.MaxInt64/2)) }

func log(v float64) float64 { return math.Log(v) }

// above bets that the canary's mean latency is above the limit m (ns): each latency y multiplies the wealth by 1 + λ(y/m - 1), whose mean
// is at most 1 when m is the mean or above it, whatever the distribution. A latency counts as its bucket's lower edge.
func (p *Process) above(h *metrics.Histogram, m float64) {
	for k, bet := range meanBets.theta {
		l := 0.0
		for i := range metrics.NumBuckets {
			if n := h.Bucket(i); n > 0 {
				l += float64(n) * math.Log1p(bet*(lowerEdge(i)/m-1))
			}
		}
		p.win(k, l)
	}
}
