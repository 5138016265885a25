package admin

import (
	"time"

	"sluice/metrics"
	"sluice/rollout"
)

// RouteObject is a route as the API shows it. Rates and weights are percent, durations text as Go writes it.
type RouteObject struct {
	Name       string          `json:"name"`
	Generation uint64          `json:"generation"`
	Backends   []BackendObject `json:"backends"`
	Rollout    *rollout.Status `json:"rollout"` // null on a route without one
}

// BackendObject is a backend as the API shows it. Requests, Errors and Latency are of first attempts since the process started.
type BackendObject struct {
	Name      string         `json:"name"`
	Version   string         `json:"version"`
	Weight    rollout.Weight `json:"weight"`
	Endpoints []Endpoint     `json:"endpoints"`
	Requests  uint64         `json:"requests"`
	Errors    uint64         `json:"errors"`
	ErrorRate float64        `json:"errorRate"`
	Latency   Latency        `json:"latency"`
	Recent    Recent         `json:"recent"`
}

// Latency of a backend; zero without a request.
type Latency struct {
	Mean rollout.Duration `json:"mean"`
	P50  rollout.Duration `json:"p50"`
	P95  rollout.Duration `json:"p95"`
	P99  rollout.Duration `json:"p99"`
}

// RouteList is the answer to GET /api/v1/routes.
type RouteList struct {
	Routes []RouteObject `json:"routes"`
}

// DecisionList is the answer to GET /api/v1/routes/{route}/decisions, newest first.
type DecisionList struct {
	Decisions []DecisionObject `json:"decisions"`
}

// DecisionObject is an entry of the journal, always with its list of checks.
type DecisionObject struct {
	rollout.Decision
	Checks []rollout.Verdict `json:"checks"`
}

func routeObject(r Route) RouteObject {
	o := RouteObject{Name: r.Name, Generation: r.Generation, Backends: make([]BackendObject, 0, len(r.Backends))}
	now := recent(r.Backends)
	for i, b := range r.Backends {
		o.Backends = append(o.Backends, backendObject(b, now[i]))
	}
	if r.Rollout {
		status := whole(r.Control.Status())
		o.Rollout = &status
	}
	return o
}

func backendObject(b Backend, now Recent) BackendObject {
	totals := b.Meter.Totals()
	o := BackendObject{
		Name: b.Name, Version: b.Version, Weight: b.Weight, Endpoints: b.Endpoints,
		Requests: totals.Requests, Errors: totals.Errors, ErrorRate: percent(totals.Errors, totals.Requests), Latency: latency(&totals.Latency), Recent: now,
	}
	if o.Endpoints == nil {
		o.Endpoints = []Endpoint{}
	}
	return o
}

func latency(h *metrics.Histogram) Latency {
	return Latency{Mean: short(h.Mean()), P50: short(h.Quantile(0.5)), P95: short(h.Quantile(0.95)), P99: short(h.Quantile(0.99))}
}

// short keeps three digits: the histogram is no more exact.
func short(d time.Duration) rollout.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return rollout.Duration(d.Round(unit))
}

// whole is a status whose lists are lists also where they are empty.
func whole(s rollout.Status) rollout.Status {
	if s.Checks == nil {
		s.Checks = []rollout.Verdict{}
	}
	return s
}

func decisionObject(d rollout.Decision) DecisionObject {
	o := DecisionObject{Decision: d, Checks: d.Checks}
	if o.Checks == nil {
		o.Checks = []rollout.Verdict{}
	}
	return o
}
