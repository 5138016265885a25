package rollout

import (
	"time"

	"sluice/analysis"
	"sluice/metrics"
)

// observer reads the meters of the two roles since the last change of weight. It belongs to the loop.
type observer struct {
	canary, stable arm
	from           metrics.Instant   // no window reaches back behind it
	evidence       analysis.Evidence // of the last reading: large, so it is used again
}

type arm struct {
	meter *metrics.Meter
	step  metrics.Tally
}

// restart begins the windows anew. Meters may be nil where a backend has none.
func (o *observer) restart(canary, stable *metrics.Meter, at metrics.Instant) {
	o.from = at
	for a, m := range map[*arm]*metrics.Meter{&o.canary: canary, &o.stable: stable} {
		a.meter = m
		a.step.Restart(at)
	}
}

// watches says whether the windows are those of the two meters.
func (o *observer) watches(canary, stable *metrics.Meter) bool {
	return o.canary.meter == canary && o.stable.meter == stable
}

// read gives the evidence up to at. It is overwritten by the next reading.
func (o *observer) read(r *Rollout, minRequests uint64, at metrics.Instant) *analysis.Evidence {
	o.evidence.MinRequests = minRequests
	o.canary.read(&o.evidence.Canary, r, o.from, at)
	o.stable.read(&o.evidence.Stable, r, o.from, at)
	return &o.evidence
}

func (a *arm) read(out *analysis.Arm, r *Rollout, from, at metrics.Instant) {
	if a.meter == nil {
		*out = analysis.Arm{}
		return
	}
	back := func(d time.Duration) metrics.Instant { return max(from, at.Add(-d)) }
	recent := back(analysis.RecentWindow)
	out.Recent.Window = a.meter.Window(recent, at)
	out.Step.Window = a.step.Read(a.meter, at)
	out.Unreachable = a.meter.UnreachableRow()
	out.Abort = metrics.Counts{}
	if r.AbortOn != nil {
		w := a.meter.Window(back(r.AbortOn.Window), at)
		out.Abort = w.Judged()
	}
	out.Recent.Slow = a.slow(out.Recent.Slow[:0], r.Checks, recent, at)
	out.Step.Slow = a.slow(out.Step.Slow[:0], r.Checks, back(tallyPatience), at)
}

// tallyPatience is when a Tally itself counts a request without an end among its latencies.
const tallyPatience = 12 * time.Second

// slow counts, for each latency limit, the requests since from that are older than it and have not ended.
func (a *arm) slow(out []uint64, checks []analysis.Check, from, at metrics.Instant) []uint64 {
	for _, c := range checks {
		var n uint64
		if c.Metric == analysis.Latency && c.HasMax {
			n = a.meter.Pending(from, at.Add(-time.Duration(c.Max*float64(time.Millisecond))))
		}
		out = append(out, n)
	}
	return out
}
