package provider

import (
	"context"
	"errors"

	"sluice/metrics"
)

// orca is what a backend's answers reported.
type orca struct{ meter *metrics.Meter }

// errSilent is that nothing was reported, which may be so because nothing was asked.
var errSilent = errors.New("no answer had endpoint-load-metrics with it")

// NewReports makes the Hosts of a backend whose answers report what its hosts use (the field endpoint-load-metrics), counted by its meter.
func NewReports(m *metrics.Meter) Hosts { return orca{m} }

// Read takes what came since the last time.
func (o orca) Read(context.Context) (out Usage) {
	for u := range out {
		var n uint64
		if out[u].Ratio, n = o.meter.TakeReports(metrics.Use(u)); n == 0 {
			out[u].Err = errSilent
		}
	}
	return out
}
