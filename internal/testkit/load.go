package testkit

import (
	"context"
	"sync"
	"testing"
	"time"

	"sluice/demo"
)

// UserHeader is the header in which a load names its users.
const UserHeader = "X-User-Id"

// Load is a load that runs beside a test, with exact accounts of what was lost.
type Load struct {
	stop context.CancelFunc
	done chan struct{}

	report demo.Report
	err    error

	mu       sync.Mutex
	failures []demo.Result
}

// StartLoad sends rate requests a second to address until Stop, by many users who name themselves in UserHeader.
func StartLoad(t testing.TB, address string, rate float64) *Load {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 10*Patience)
	l := &Load{stop: stop, done: make(chan struct{})}
	sending := demo.Load{
		URL: "http://" + address + "/load", Rate: rate, Poisson: true, Users: 2000, UserHeader: UserHeader, BackendHeader: ServedBy,
		Connections: 256, Timeout: Patience, Each: l.note,
	}
	go func() {
		defer close(l.done)
		l.report, l.err = sending.Run(ctx)
	}()
	t.Cleanup(func() { l.stop(); <-l.done })
	return l
}

func (l *Load) note(r demo.Result) {
	if !r.Failed() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, r)
}

// Stop ends the load, waits for the last answers, and returns what became of all.
func (l *Load) Stop(t testing.TB) demo.Report {
	t.Helper()
	l.stop()
	<-l.done
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.report
}

// LastFailure is when the last failed request was due; zero without one.
func (l *Load) LastFailure() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	var last time.Time
	for _, f := range l.failures {
		if f.Due.After(last) {
			last = f.Due
		}
	}
	return last
}
