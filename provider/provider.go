// Package provider brings numbers from outside to a rollout's sampled checks: the CPU and memory of a backend's hosts (ORCA, exporters that
// are scraped, control groups), and what Prometheus or a JSON document says.
//
// Nothing waits for it. Each check has a goroutine of its own, so that a source that hangs keeps neither the rollout's loop nor another check;
// an error is a sample without a value. It decides nothing: what a sample means is in analysis. Start at New, then Run; query.go and value.go
// are providers, usage.go is the way of a host's numbers, client.go the one place that makes a connection.
package provider

import (
	"context"
	"errors"
	"time"

	"sluice/metrics"
)

// Source is where the number of a check comes from.
type Source interface {
	// Read asks for it. The error is one line for people, and has no secret in it.
	Read(ctx context.Context) (float64, error)
}

// Check is a sampled check, and how its number is found.
type Check struct {
	// Name is unique in the rollout.
	Name     string
	Interval time.Duration
	// Timeout of a Source; it is not asked for longer.
	Timeout time.Duration
	// Source says the number; nil is Use, of the hosts of the backends in both roles.
	Source Source
	Use    metrics.Use
}

// Settings are what the configuration says of one route's sampled checks. A reload makes another Sampler.
type Settings struct {
	Checks []Check
	// Hosts say the use of each backend's hosts; nil is nowhere.
	Hosts map[string]Hosts
	// Meters keep it for all to see, by backend.
	Meters map[string]*metrics.Meter
}

// Hosts say the use of a backend's hosts since they were last asked.
type Hosts interface {
	Read(ctx context.Context) Usage
}

// Usage is the use of a backend's hosts, each as a share of what they have.
type Usage [metrics.NumUses]struct {
	Ratio float64
	Err   error // why there is none
}

// errFirst is the error of a number that takes two looks: it is no sample.
var errFirst = errors.New("a second look is needed")

// failed is a Usage of which nothing is known.
func failed(err error) (u Usage) {
	for i := range u {
		u[i].Err = err
	}
	return u
}
