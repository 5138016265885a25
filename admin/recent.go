package admin

import (
	"math"
	"time"

	"sluice/metrics"
	"sluice/rollout"
)

// recentWindow is what "now" looks back on: the most that the meters keep of latencies.
const recentWindow = 15 * time.Second

// Recent is what a backend did in the last seconds: first attempts that arrived in them, and the latencies of those that ended well.
type Recent struct {
	Window   rollout.Duration `json:"window"`
	Requests uint64           `json:"requests"`
	Errors   uint64           `json:"errors"`
	Rate     float64          `json:"rate"`  // requests a second
	Share    float64          `json:"share"` // of the route's requests, percent; 0 without any
	// ErrorRate in percent.
	ErrorRate float64 `json:"errorRate"`
	Latency   Latency `json:"latency"`
}

// recent reads all backends of a route at the same moment.
func recent(backends []Backend) []Recent {
	now := metrics.Now()
	out := make([]Recent, len(backends))
	var all uint64
	for i, b := range backends {
		w := b.Meter.Window(now.Add(-recentWindow), now)
		counts := w.Judged()
		h := w.Latency[metrics.Drawn]
		h.Add(&w.Latency[metrics.Pinned])
		out[i] = Recent{
			Window: rollout.Duration(recentWindow), Requests: counts.Requests, Errors: counts.Errors,
			Rate: math.Round(float64(counts.Requests)/recentWindow.Seconds()*100) / 100, ErrorRate: percent(counts.Errors, counts.Requests), Latency: latency(&h),
		}
		all += counts.Requests
	}
	for i := range out {
		out[i].Share = percent(out[i].Requests, all)
	}
	return out
}

// percent is a share with four decimals; 0 of nothing.
func percent(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return math.Round(float64(part)/float64(whole)*1e6) / 1e4
}
