// Package metrics counts the traffic of one process: a Meter for each backend of each route, and Process for what belongs to none.
//
// Requests write without a lock and without allocating; the control plane reads windows of arrivals (Meter.Window), sums since a moment
// (Tally) and sums since the start (Meter.Totals). It judges nothing and exposes nothing: that is analysis's and admin's. Start at
// meter.go, then word.go, which says why a block that is used again never mixes with what it was.
package metrics
