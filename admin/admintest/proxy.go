// Package admintest is a process to show: fakes of what the admin API looks at, with fixed numbers, behind a real listener. For tests of
// the API, its client and the commands. Start at New and Serve.
package admintest

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"sluice/admin"
	"sluice/analysis"
	"sluice/metrics"
	"sluice/rollout"
)

// Proxy is a fake process with three routes: checkout has a rollout at its first step, search static weights, plain one backend. Fields
// are set before the first request.
type Proxy struct {
	List []admin.Route
	// NotReady is what /readyz tells.
	NotReady bool
	// Explained and NextReload are the answers to come, ExplainErr and ReloadErr go before them.
	Explained             admin.Explanation
	ExplainErr, ReloadErr error
	ConvertErr            error // of a report of a conversion
	NextReload            admin.Reloaded
	Counted               admin.Reloads
	TLS                   admin.Certificates
	// Configured is the configuration in force.
	Configured admin.Document
	// Replaced is the one before it.
	Replaced admin.Document

	mu    sync.Mutex
	asked []admin.ExplainRequest
}

// At is the moment in which the fakes live.
var At = time.Date(2026, 3, 1, 12, 0, 31, 0, time.UTC)

// New is a process whose checkout route is commanded through the controller returned.
func New() (*Proxy, *Controller) {
	c := &Controller{State: Progressing(), Log: []byte(analysis.LogHeader)}
	started := rollout.Decision{
		At: At.Add(-31 * time.Second), Route: "checkout", Attempt: "01JQ", Action: "start", Actor: "analysis", From: rollout.Idle,
		To: rollout.Progressing, WeightTo: 500, Step: 1, Sentence: "1.42.0 is new.",
	}
	c.State.LastDecision = &started
	c.Journal = []rollout.Decision{started}
	p := &Proxy{
		List: []admin.Route{
			{
				Name: "checkout", Generation: 12, Control: c, Rollout: true,
				Backends: []admin.Backend{
					backend("stable", "1.41.0", 9500, 1000, 2),
					backend("canary", "1.42.0", 500, 50, 1),
				},
			},
			{
				Name: "search", Generation: 12, Control: &Controller{},
				Backends: []admin.Backend{backend("stable", "1", 7500, 0, 0), backend("canary", "2", 2500, 0, 0)},
			},
			{Name: "plain", Generation: 12, Backends: []admin.Backend{backend("web", "", 10000, 0, 0)}},
		},
		Explained:  admin.Explanation{Route: "checkout", Backend: "canary", Reason: "beta", Detail: "user-1 is in the beta list"},
		NextReload: admin.Reloaded{Generation: 13},
		Configured: Document{AsJSON: `{"version":1}`, AsYAML: "version: 1\n"},
		TLS:        admin.Certificates{Expiries: []admin.Expiry{{Listener: "web", File: "tls.crt", NotAfter: At}}, Taken: 2, Refused: 1},
		Counted:    admin.Reloads{Succeeded: 2, Failed: 1, LastSuccess: At},
	}
	return p, c
}

// Progressing is a rollout's state at its first step.
func Progressing() rollout.Status {
	return rollout.Status{
		Route: "checkout", Attempt: "01JQ", Phase: rollout.Progressing, Step: 1, Steps: 4, Weight: 500,
		Stable: rollout.Role{Backend: "stable", Version: "1.41.0"}, Canary: rollout.Role{Backend: "canary", Version: "1.42.0"},
		StartedAt: At.Add(-31 * time.Second), StepStartedAt: At.Add(-31 * time.Second),
		Held: rollout.Duration(31 * time.Second), HoldNeeded: rollout.Duration(10 * time.Minute), RequestsNeeded: 312, WaitingFor: "hold",
		Checks: []rollout.Verdict{{
			Name: "error-rate", Metric: "error-rate", Unit: "percent", Verdict: "pass", Value: 0.13, StableValue: 0.1, Limit: 5,
			Samples: 1540, StableSamples: 29260, Bad: 2, StableBad: 29,
		}},
	}
}

func backend(name, version string, weight rollout.Weight, requests, failed int) admin.Backend {
	m := metrics.New(metrics.Config{Shards: 1, Blocks: true})
	for i := range requests {
		now := metrics.Now()
		a := m.Begin(now, metrics.Drawn, 0)
		m.End(a, metrics.Outcome{At: now.Add(20 * time.Millisecond), Failed: i < failed})
		code := 200
		if i < failed {
			code = 503
		}
		m.Answer(metrics.MethodGet, code, 20*time.Millisecond, 0)
		m.Selected(5, 0)
	}
	return admin.Backend{
		Name: name, Version: version, Weight: weight, Meter: m,
		Endpoints: []admin.Endpoint{{URL: "http://10.0.0.11:8080", Healthy: true, InFlight: 3}},
	}
}

// Serve runs the admin API of p on a free port until the test ends, and returns HOST:PORT. change may be nil.
func Serve(t *testing.T, p admin.Proxy, change func(*admin.Config)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ServeOn(t, l, p, change)
	return l.Addr().String()
}

// ServeOn is Serve on a listener of the caller's.
func ServeOn(t *testing.T, l net.Listener, p admin.Proxy, change func(*admin.Config)) {
	t.Helper()
	c := admin.Config{
		Listener: l, Proxy: p, Process: new(metrics.Process), Unrouted: metrics.New(metrics.Config{Shards: 1}),
		Build: admin.Build{Version: "v1.2.3", Revision: "abc", Go: "go1.26"},
	}
	if change != nil {
		change(&c)
	}
	s, err := admin.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v after its context ended", err)
		}
	})
}

// Ready implements admin.Proxy.
func (p *Proxy) Ready() bool { return !p.NotReady }

// Routes implements admin.Proxy.
func (p *Proxy) Routes() []admin.Route { return p.List }

// Explain implements admin.Proxy.
func (p *Proxy) Explain(r admin.ExplainRequest) (admin.Explanation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r)
	if r.Route != "" && !slices.ContainsFunc(p.List, func(l admin.Route) bool { return l.Name == r.Route }) {
		return admin.Explanation{}, admin.NoRoute(r.Route, nil)
	}
	return p.Explained, p.ExplainErr
}

// Asked is what Explain was asked.
func (p *Proxy) Asked() []admin.ExplainRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// Converted implements admin.Proxy.
func (p *Proxy) Converted(e admin.ConversionEvent) (admin.Conversion, error) {
	if !slices.ContainsFunc(p.List, func(r admin.Route) bool { return r.Name == e.Route }) {
		return admin.Conversion{}, admin.NoRoute(e.Route, nil)
	}
	return admin.Conversion{Route: e.Route, Counted: true, Result: "converted", Backend: "canary"}, p.ConvertErr
}

// Document implements admin.Proxy.
func (p *Proxy) Document() admin.Document { return p.Configured }

// DocumentBefore implements admin.Proxy.
func (p *Proxy) DocumentBefore() admin.Document { return p.Replaced }

// Document is a configuration of fixed text.
type Document struct{ AsJSON, AsYAML string }

// MarshalJSON implements admin.Document.
func (d Document) MarshalJSON() ([]byte, error) { return []byte(d.AsJSON), nil }

// YAML implements admin.Document.
func (d Document) YAML() ([]byte, error) { return []byte(d.AsYAML), nil }

// Reload implements admin.Proxy.
func (p *Proxy) Reload(context.Context) (admin.Reloaded, error) { return p.NextReload, p.ReloadErr }

// Certificates implements admin.Proxy.
func (p *Proxy) Certificates() admin.Certificates { return p.TLS }

// Reloads implements admin.Proxy.
func (p *Proxy) Reloads() admin.Reloads { return p.Counted }
