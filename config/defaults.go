package config

import (
	"path/filepath"
	"strings"
	"time"
)

// The one place of defaults. What a preset brings is in presets.go.

func defaultConfig() *Config {
	return &Config{
		Version:         1,
		Listeners:       []Listener{defaultListener()},
		Admin:           Admin{Address: "127.0.0.1:9900", AllowedHosts: []string{"localhost", "127.0.0.1"}},
		ShutdownTimeout: 30 * time.Second,
		Log:             Log{Level: "info", Access: AccessLog{Format: "off", Path: "stdout", Success: Full, Errors: Full}},
	}
}

func defaultListener() Listener {
	return Listener{
		Name:      "web",
		Address:   ":8080",
		Protocols: []string{"http1"},
		Limits: Limits{
			HeaderBytes:   64 << 10,
			HeaderCount:   100,
			HeaderTimeout: 10 * time.Second,
			IdleTimeout:   75 * time.Second,
			BodyRate:      500,
		},
	}
}

func defaultRoute() Route {
	return Route{Timeout: 30 * time.Second, Sticky: defaultSticky()}
}

func defaultSticky() Sticky {
	return Sticky{Cookie: Cookie{Name: "sluice-id", TTL: 720 * time.Hour, Path: "/", Secure: "auto", HTTPOnly: true, SameSite: "Lax"}}
}

func defaultBackend() Backend {
	return Backend{
		LoadBalancing: "leastRequest",
		Timeouts:      Timeouts{Connect: time.Second, FirstByte: 30 * time.Second, Idle: 60 * time.Second},
		Connections:   Connections{MaxIdlePerEndpoint: 256, IdleTimeout: 30 * time.Second},
	}
}

func defaultHealthCheck() HealthCheck {
	return HealthCheck{Type: "http", Path: "/healthz", Interval: 2 * time.Second, Timeout: time.Second, UnhealthyAfter: 3, HealthyAfter: 2}
}

func defaultRule() Rule { return Rule{Percent: Full, FromStep: 1, Measure: true} }

func defaultRollout() Rollout {
	return Rollout{
		Stable: "stable", Canary: "canary", Strategy: "canary",
		Decision: "auto", OnInsufficient: "wait", MaxWait: 30 * time.Minute, AutoStart: true, Salt: "attempt",
		BlastRadius: 10, Confidence: 9990,
		Analysis: Analysis{Interval: 100 * time.Millisecond, AbortOn: new(defaultAbortOn()), ConsecutiveFailureLimit: defaultConsecutiveFailureLimit},
		Rollback: Rollback{Auto: true, Drain: "finish", DrainTimeout: 30 * time.Second},
	}
}

func defaultWebhook() Webhook { return Webhook{Timeout: 10 * time.Second, Retries: 3} }

func defaultAlert() Alert { return Alert{Severity: "warn"} }

func defaultAbortOn() AbortOn {
	return AbortOn{ErrorRate: 5000, MinRequests: 20, Window: 2 * time.Second}
}

const (
	defaultQuantile    = "p95"
	defaultMinRequests = 100
)

func defaultCheck() Check { return Check{Compare: true} }

// defaultChecks are those of every preset.
func defaultChecks() []Check {
	return []Check{
		{Name: "error-rate", Metric: "error-rate", Compare: true},
		{Name: "latency", Metric: "latency", Quantile: defaultQuantile, Compare: true},
	}
}

// defaultWeights gives everything to the backend `stable` or the only one; nil when there is neither.
func defaultWeights(backends []Backend) map[string]Percent {
	if len(backends) == 1 {
		return map[string]Percent{backends[0].Name: Full}
	}
	for _, b := range backends {
		if b.Name == "stable" {
			return map[string]Percent{b.Name: Full}
		}
	}
	return nil
}

// defaultFallback is `stable` where there is one.
func defaultFallback(r *Route) string {
	if r.Rollout != nil {
		return "stable"
	}
	for _, b := range r.Backends {
		if b.Name == "stable" {
			return b.Name
		}
	}
	return ""
}

// defaultStateDir is the first folder that the environment names: "" when it names none.
func defaultStateDir(env func(string) (string, bool)) string {
	// systemd gives several folders as one list.
	if dir, _ := env("STATE_DIRECTORY"); dir != "" {
		first, _, _ := strings.Cut(dir, ":")
		return first
	}
	if dir, _ := env("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "sluice")
	}
	if home, _ := env("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "sluice")
	}
	return ""
}
