package provider

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/metrics"
)

// usualInterval between two looks at the hosts, where no check wants more.
const usualInterval = 5 * time.Second

// usage looks at the hosts of all backends, each for itself, whether an attempt runs or not.
type usage struct {
	hosts    map[string]Hosts
	meters   map[string]*metrics.Meter
	interval time.Duration
	log      *zap.Logger

	mu   sync.Mutex
	last map[string]looked // by backend
}

// looked is the newest look at a backend's hosts, of the time since the one before.
type looked struct {
	usage Usage
	since metrics.Instant
	at    metrics.Instant
}

// use is one of a backend's uses.
type use struct {
	ratio float64
	err   error
	since metrics.Instant
	at    metrics.Instant // of the look
	late  bool            // another one should have been there long ago
}

func newUsage(s *Settings, log *zap.Logger) *usage {
	u := &usage{hosts: s.Hosts, meters: s.Meters, interval: usualInterval, log: log, last: map[string]looked{}}
	for i := range s.Checks {
		if c := &s.Checks[i]; c.Source == nil {
			u.interval = min(u.interval, c.Interval)
		}
	}
	return u
}

func (u *usage) run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for backend, hosts := range u.hosts {
		all.Go(func() { u.look(ctx, backend, hosts) })
	}
}

// look looks at one backend's hosts, again and again.
func (u *usage) look(ctx context.Context, backend string, hosts Hosts) {
	ticker := time.NewTicker(u.interval)
	defer ticker.Stop()
	before := metrics.Now()
	defer u.publish(backend, failed(context.Canceled))
	for {
		at := metrics.Now()
		seen := readAll(ctx, hosts, u.log)
		if ctx.Err() != nil {
			return
		}
		if u.keep(backend, seen, before) {
			u.publish(backend, seen)
			before = at
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// keep takes in a look, unless it saw nothing because few requests came and there is one that is not old: where there is little traffic, a
// look without a report is no outage.
func (u *usage) keep(backend string, seen Usage, since metrics.Instant) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	last, ok := u.last[backend]
	silent, known := true, false
	for i := range seen {
		silent = silent && errors.Is(seen[i].Err, errSilent)
		known = known || ok && last.usage[i].Err == nil
	}
	if silent && known && metrics.Now().Sub(last.at) <= u.patience() {
		return false
	}
	u.last[backend] = looked{usage: seen, since: since, at: metrics.Now()}
	return true
}

// patience is how old the newest look may be.
func (u *usage) patience() time.Duration { return 3*u.interval + scrapeTimeout }

// readAll is Hosts' Read, whose faults are errors.
func readAll(ctx context.Context, h Hosts, log *zap.Logger) (out Usage) {
	defer func() {
		if fault := recover(); fault != nil {
			out = failed(fmt.Errorf("bug: %v", fault))
			log.Error("bug: a look at the hosts failed", zap.Any("fault", fault), zap.Stack("stack"))
		}
	}()
	return h.Read(ctx)
}

// publish shows a backend's uses to all.
func (u *usage) publish(backend string, seen Usage) {
	m := u.meters[backend]
	if m == nil {
		return
	}
	for i := range seen {
		m.SetUse(metrics.Use(i), seen[i].Ratio, seen[i].Err == nil)
	}
}

// latest is the newest look at a backend's hosts; false before there is one. One that is long ago is an error.
func (u *usage) latest(backend string, of metrics.Use) (use, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	l, ok := u.last[backend]
	if !ok {
		if u.hosts[backend] == nil {
			return use{late: true, err: fmt.Errorf("nothing says what the hosts of %s use", backend)}, true
		}
		return use{}, false
	}
	out := use{ratio: l.usage[of].Ratio, err: l.usage[of].Err, since: l.since, at: l.at}
	if old := metrics.Now().Sub(l.at); old > u.patience() {
		out.late, out.err = true, fmt.Errorf("the hosts of %s have not answered for %s", backend, old.Round(time.Second))
	}
	return out, true
}
