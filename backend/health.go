package backend

import (
	"context"
	"io"
	"net/http"
	"time"
)

// HealthCheck asks each endpoint for Path every Interval. An answer of 200–399 within Timeout is healthy.
type HealthCheck struct {
	Path           string
	Interval       time.Duration
	Timeout        time.Duration
	UnhealthyAfter int // failures in a row
	HealthyAfter   int // successes in a row
}

// tally is what a run of checks has shown: pure, so that the thresholds are tested without a clock or a socket.
type tally struct{ good, bad int }

// first takes the first result there is: nothing is known that could speak against it.
func (t *tally) first(ok bool) bool {
	t.add(ok, ok, &HealthCheck{})
	return ok
}

// add counts one result and says whether the endpoint is healthy now, given that it was.
func (t *tally) add(ok, was bool, h *HealthCheck) bool {
	if ok {
		t.good, t.bad = t.good+1, 0
		return was || t.good >= h.HealthyAfter
	}
	t.good, t.bad = 0, t.bad+1
	return was && t.bad < h.UnhealthyAfter
}

func (h *HealthCheck) watch(ctx context.Context, e *Endpoint, known func()) {
	client := &http.Client{
		Timeout:       h.Timeout,
		Transport:     e.asker(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var seen tally
	ticker := time.NewTicker(h.Interval)
	defer ticker.Stop()
	e.healthy.Store(seen.first(h.ask(ctx, client, e)))
	known()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		e.healthy.Store(seen.add(h.ask(ctx, client, e), e.healthy.Load(), h))
	}
}

func (h *HealthCheck) ask(ctx context.Context, client *http.Client, e *Endpoint) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.scheme()+"://"+e.host+h.Path, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return ctx.Err() != nil && e.healthy.Load() // stopping is not a failure of the endpoint
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
	return resp.StatusCode >= 200 && resp.StatusCode < 400
}
