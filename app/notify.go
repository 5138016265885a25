package app

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"time"

	"go.uber.org/zap"

	"sluice/config"
	"sluice/notify"
	"sluice/rollout"
)

// alertTimeout is how long a receiver of alerts may take for one.
const alertTimeout = 10 * time.Second

// receivers are what the configuration says of webhooks and alerts, by route. The error is about a key that can't be read.
func receivers(cfg *config.Config) (map[string]notify.Settings, error) {
	out := map[string]notify.Settings{}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		s := notify.Settings{PublicURL: cfg.Admin.PublicURL}
		if r.Rollout != nil {
			if err := receiversOf(r.Rollout, &s); err != nil {
				return nil, fmt.Errorf("route %q: %w", r.Name, err)
			}
		}
		out[r.Name] = s
	}
	return out, nil
}

func receiversOf(r *config.Rollout, s *notify.Settings) error {
	for i, w := range r.Webhooks {
		h := notify.Hook{
			Name: r.HookName(i), Type: w.Type, Metadata: w.Metadata, Retries: w.Retries,
			Endpoint: notify.Endpoint{URL: w.URL, Timeout: w.Timeout, AllowLinkLocal: w.AllowLinkLocal},
		}
		if w.SecretFile != "" {
			key, err := os.ReadFile(w.SecretFile)
			if key = bytes.TrimSpace(key); err == nil && len(key) == 0 {
				err = fmt.Errorf("%s is empty", w.SecretFile)
			}
			if err != nil {
				return fmt.Errorf("read the key of webhook %s: %w", h.Name, err)
			}
			h.Endpoint.Secret = key
		}
		s.Hooks = append(s.Hooks, h)
	}
	first := 0 // the copies' step
	if r.Copies != nil {
		first = 1
	}
	for _, g := range r.Stops {
		if g.Webhook != nil {
			s.Gates = append(s.Gates, notify.Gate{
				Name: g.Gate, Step: g.Before + first, Interval: g.Webhook.Interval,
				Endpoint: notify.Endpoint{URL: g.Webhook.URL, Timeout: alertTimeout},
			})
		}
	}
	for _, a := range r.Alerts {
		s.Alerts = append(s.Alerts, notify.Alert{
			Type: a.Type, Severity: severities[a.Severity], Endpoint: notify.Endpoint{URL: alertURL(&a), Timeout: alertTimeout},
		})
	}
	return nil
}

var severities = map[string]notify.Severity{"info": notify.Info, "warn": notify.Warn, "error": notify.Error}

// alertURL adds Alertmanager's path to its bare address.
func alertURL(a *config.Alert) string {
	u, err := url.Parse(a.URL)
	if err != nil || a.Type != "alertmanager" || u.Path != "" && u.Path != "/" {
		return a.URL
	}
	u.Path = "/api/v2/alerts"
	return u.String()
}

// hooks are the webhooks that the engine has to know of.
func hooks(r *config.Rollout) []rollout.Hook {
	var s notify.Settings
	for i, w := range r.Webhooks {
		s.Hooks = append(s.Hooks, notify.Hook{Name: r.HookName(i), Type: w.Type})
	}
	return s.Asks()
}

// told says that somebody is to be told of the route's decisions.
func told(r *config.Rollout) bool {
	return r != nil && (len(r.Alerts) > 0 || len(hooks(r)) < len(r.Webhooks))
}

// telling is a part's notifier while it runs. App's mu guards it.
type telling struct {
	settings notify.Settings
	stop     func()
}

// tell starts the part's notifier, or another one where the settings have changed.
func (p *part) tell(route string, s notify.Settings, log *zap.Logger) {
	if p.telling.stop != nil && reflect.DeepEqual(p.telling.settings, s) {
		return
	}
	p.hush()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	n := notify.New(route, p.Controller, s, notify.Pace{}, log)
	go func() {
		defer close(done)
		_ = n.Run(ctx)
	}()
	p.telling = telling{settings: s, stop: func() { cancel(); <-done }}
}

// hush ends it. What was not delivered stays in the outbox.
func (p *part) hush() {
	if p.telling.stop != nil {
		p.telling.stop()
		p.telling.stop = nil
	}
}

// pending counts the decisions in the outboxes of all routes.
func (a *App) pending() int {
	n := 0
	for _, p := range *a.parts.Load() {
		n += len(p.Undelivered())
	}
	return n
}
