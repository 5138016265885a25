package live

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// Bench is what to play.
type Bench struct {
	Scenarios []Scenario
	// Runs are attempts of a scenario with a bad canary, Controls those of one with an equal one.
	Runs, Controls int
	// Lanes are attempts at the same time.
	Lanes int
	// Rate in requests a second, for each attempt; Before is how long stable has traffic before it.
	Rate   float64
	Before time.Duration
	// Binary is the proxy.
	Binary string
	// Note, if not nil, is told what became of each attempt, from several goroutines but never two at once.
	Note func(string)
}

// Run plays all attempts. One that could not be played ends it with an error.
func (b *Bench) Run(ctx context.Context) (*Report, error) {
	dir, err := os.MkdirTemp("", "sluice-live-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := &Report{Rate: b.Rate, Lanes: b.Lanes, Started: time.Now().UTC().Truncate(time.Second)}
	if r.Compares, err = compares(ctx, b.Binary, dir); err != nil {
		return nil, fmt.Errorf("ask %s what it knows: %w", b.Binary, err)
	}
	checks := limiting
	if r.Compares {
		checks = comparing
	}
	for i := range b.Scenarios {
		s := &b.Scenarios[i]
		runs := b.Runs
		if s.Equal {
			runs = b.Controls
		}
		all, err := b.play(ctx, s, runs, checks)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		if len(all) > 0 {
			r.Cells = append(r.Cells, summarize(s, all))
		}
	}
	return r, nil
}

// play plays a scenario's attempts, some at a time.
func (b *Bench) play(ctx context.Context, s *Scenario, runs int, checks string) ([]Attempt, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var lanes sync.WaitGroup
	var mu sync.Mutex
	var all []Attempt
	next := make(chan int)
	for range min(b.Lanes, runs) {
		lanes.Go(func() {
			for i := range next {
				a, err := b.attempt(ctx, s, checks)
				mu.Lock()
				switch {
				case err != nil:
					stop(err)
				default:
					all = append(all, a)
					b.note(fmt.Sprintf("%s, %d of %d: %s after %.2f s %s", s.Name, i+1, runs, a.Ended, a.Seconds, a.Reason))
				}
				mu.Unlock()
			}
		})
	}
	for i := range runs {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	lanes.Wait()
	return all, context.Cause(ctx)
}

func (b *Bench) note(text string) {
	if b.Note != nil {
		b.Note(text)
	}
}
