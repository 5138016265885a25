// Package notify talks to the outside about a rollout: it asks webhooks and brings their answers to the rollout's loop, and it delivers the
// decisions of the outbox to webhooks and to people.
//
// Nothing waits for it. Each receiver has a goroutine of its own, so that one that hangs keeps neither the rollout nor another receiver; what
// is not delivered yet stays in the rollout's state. It decides nothing: what an answer means is in rollout. Start at New, then Run; ask.go
// is the way of a question, deliver.go that of a decision, client.go the one place that makes a connection.
package notify

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/rollout"
)

// Settings are what the configuration says of one route's receivers. It is plain data; a reload makes another Notifier.
type Settings struct {
	Hooks  []Hook
	Gates  []Gate
	Alerts []Alert
	// PublicURL is where people reach the page, without a slash at its end; "" makes no links.
	PublicURL string
}

// Hook is a webhook.
type Hook struct {
	// Name is unique in the rollout: the one that rollout.Hook has.
	Name string
	// Type is one of the eight.
	Type string
	// Endpoint is called with Metadata in the body.
	Endpoint Endpoint
	Metadata map[string]string
	// Retries of pre-rollout and rollout before a failure counts.
	Retries int
}

// The types that are told of decisions; the others are rollout.HookType.
const (
	PostRollout = "post-rollout"
	EventHook   = "event"
)

// Gate is one that a webhook opens.
type Gate struct {
	Name string
	// Step at which the attempt stands before it, from 0.
	Step     int
	Endpoint Endpoint
	Interval time.Duration
}

// Alert is a receiver of messages for people.
type Alert struct {
	// Type is slack, teams, discord, alertmanager or webhook.
	Type     string
	Endpoint Endpoint
	// Severity is the least that is told.
	Severity Severity
}

// Endpoint is an address and how it is called.
type Endpoint struct {
	URL     string
	Timeout time.Duration
	// Secret signs bodies; empty does not.
	Secret []byte
	// AllowLinkLocal lets the address be a link-local one.
	AllowLinkLocal bool
}

// Asks are the hooks that the engine has to know of.
func (s *Settings) Asks() []rollout.Hook {
	var out []rollout.Hook
	for _, h := range s.Hooks {
		if h.Type != PostRollout && h.Type != EventHook {
			out = append(out, rollout.Hook{Name: h.Name, Type: rollout.HookType(h.Type)})
		}
	}
	return out
}

// Receives says that somebody is told of decisions.
func (s *Settings) Receives() bool { return len(s.Alerts) > 0 || len(s.Asks()) < len(s.Hooks) }

// Pace is how often things are done again. Zero fields have their defaults.
type Pace struct {
	// Poll is between two questions to confirm and rollback hooks; default 1s. Repeat is between two to rollout hooks; default 10s.
	Poll, Repeat time.Duration
	// Backoff is before the first repetition of what failed, it doubles; default 500ms. MaxBackoff bounds it; default 1m.
	Backoff, MaxBackoff time.Duration
}

func (p *Pace) complete() {
	for _, d := range []struct {
		to    *time.Duration
		usual time.Duration
	}{{&p.Poll, time.Second}, {&p.Repeat, 10 * time.Second}, {&p.Backoff, 500 * time.Millisecond}, {&p.MaxBackoff, time.Minute}} {
		if *d.to == 0 {
			*d.to = d.usual
		}
	}
}

// Notifier serves the receivers of one route.
type Notifier struct {
	route    string
	rollout  *rollout.Controller
	settings Settings
	pace     Pace
	log      *zap.Logger
	settle   chan struct{} // nudged when a courier is done with an event

	mu       sync.Mutex
	couriers []*courier
}

// New makes a notifier; log may be nil.
func New(route string, r *rollout.Controller, s Settings, p Pace, log *zap.Logger) *Notifier {
	if log == nil {
		log = zap.NewNop()
	}
	p.complete()
	return &Notifier{
		route: route, rollout: r, settings: s, pace: p, log: log.With(zap.String("route", route)), settle: make(chan struct{}, 1),
	}
}

// Run serves the receivers until ctx ends; calls under way are given up then.
func (n *Notifier) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	for i := range n.settings.Hooks {
		h := &n.settings.Hooks[i]
		if h.Type == PostRollout || h.Type == EventHook {
			n.couriers = append(n.couriers, n.hookCourier(h))
			continue
		}
		all.Go(func() { n.hookAsker(h).run(ctx) })
	}
	for i := range n.settings.Gates {
		all.Go(func() { n.gateAsker(&n.settings.Gates[i]).run(ctx) })
	}
	for i := range n.settings.Alerts {
		n.couriers = append(n.couriers, n.alertCourier(i))
	}
	for _, c := range n.couriers {
		all.Go(func() { c.run(ctx) })
	}
	n.settleUntil(ctx)
	return nil
}

// sleep waits, and says whether ctx still runs.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
