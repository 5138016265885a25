package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"sluice/bench/load"
)

// Attempt is what became of one.
type Attempt struct {
	// Ended is promoted, rolled back, or held: nothing came of it in the time that it was watched.
	Ended   string  `json:"ended"`
	Seconds float64 `json:"seconds"` // from its start to its end, by the journal
	Reason  string  `json:"reason,omitempty"`
	Why     string  `json:"sentence,omitempty"`
	// What the clients saw from the start on.
	Requests       uint64 `json:"requests"`
	CanaryRequests uint64 `json:"canaryRequests"`
	CanaryFailures uint64 `json:"canaryFailures"`
	// Late is how long the 99th percentile of requests waited for a connection: above some milliseconds the machine was too busy to measure.
	Late load.Duration `json:"late"`
}

// The ends of an attempt.
const (
	Promoted   = "promoted"
	RolledBack = "rolled back"
	Held       = "held"
)

// attempt plays one.
func (b *Bench) attempt(ctx context.Context, s *Scenario, checks string) (a Attempt, err error) {
	dir, err := os.MkdirTemp("", "sluice-live-")
	if err != nil {
		return a, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	stable, err := serve("stable", s.stable)
	if err != nil {
		return a, err
	}
	defer stable.stop()
	canary, err := serve("canary", s.canary)
	if err != nil {
		return a, err
	}
	defer canary.stop()
	plan := staying
	if s.Equal {
		plan = passing
	}
	p, err := startProxy(ctx, b.Binary, dir, plan+checks, stable.url, canary.url)
	if err != nil {
		return a, err
	}
	defer p.Stop()
	return b.watch(ctx, s, p)
}

// watch sends the load, starts the attempt and waits for its end.
func (b *Bench) watch(ctx context.Context, s *Scenario, p *proxy) (a Attempt, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var waited load.Histogram
	var started atomic.Bool
	var requests, toCanary, failed atomic.Uint64
	sent := make(chan error, 1)
	go func() {
		_, err := load.Load{
			URL: "http://" + p.web + "/", Rate: b.Rate, Connections: 256, Duration: time.Hour, By: backendHeader,
			Each: func(r load.Result) {
				waited.Add(r.Waited)
				if !started.Load() {
					return
				}
				requests.Add(1)
				if r.By == "canary" {
					toCanary.Add(1)
					if r.Err != nil || r.Status >= 500 {
						failed.Add(1)
					}
				}
			},
		}.Run(ctx)
		sent <- err
	}()
	sleep(ctx, b.Before)
	started.Store(true)
	err = p.call(ctx, http.MethodPost, "/rollout/start", map[string]string{"actor": "bench"}, &status{})
	if err == nil {
		err = p.ends(ctx, s.Most, &a)
	}
	stop()
	err = errors.Join(err, <-sent)
	a.Requests, a.CanaryRequests, a.CanaryFailures, a.Late = requests.Load(), toCanary.Load(), failed.Load(), load.Duration(waited.Quantile(0.99))
	return a, err
}

// ends waits until the attempt has ended, and reads the journal.
func (p *proxy) ends(ctx context.Context, most time.Duration, a *Attempt) error {
	const look = 50 * time.Millisecond
	a.Ended = Held
	for end := time.Now().Add(most); time.Now().Before(end) && a.Ended == Held; sleep(ctx, look) {
		var s status
		if err := p.call(ctx, http.MethodGet, "/rollout", nil, &s); err != nil {
			return err
		}
		switch s.Outcome {
		case "Promoted", "FastPromoted":
			a.Ended = Promoted
		case "RolledBack":
			a.Ended = RolledBack
		}
	}
	var journal struct {
		Decisions []decision `json:"decisions"`
	}
	if err := p.call(ctx, http.MethodGet, "/decisions?limit=50", nil, &journal); err != nil {
		return err
	}
	a.Seconds = most.Seconds()
	var begun time.Time
	for _, d := range journal.Decisions {
		if d.Action == "start" {
			begun = d.At
		}
	}
	for _, d := range journal.Decisions {
		drained := d.From == "RollingBack" // its last request has ended: no decision
		if a.Ended == RolledBack && d.Action == "rollback" && !drained || a.Ended == Promoted && d.Action == "promote" {
			a.Seconds, a.Reason, a.Why = d.At.Sub(begun).Seconds(), d.Reason, d.Sentence
			break
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
