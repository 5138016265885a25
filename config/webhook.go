package config

import "time"

// Webhook is an address that is asked, or told, at a point of an attempt.
type Webhook struct {
	// Type is when, and what the answer means: confirm-rollout, pre-rollout, rollout, confirm-traffic-increase, confirm-promotion,
	// post-rollout, rollback or event. Required.
	Type string
	// URL is http or https. Required.
	URL string
	// Timeout of one call. Default 10s.
	Timeout time.Duration
	// Retries after a call that failed, in pre-rollout and rollout, before it counts. Default 3.
	Retries int
	// Metadata is passed on as it is. Default: none.
	Metadata map[string]string
	// SecretFile holds the key that bodies are signed with, a path relative to the configuration's folder. Default: not signed.
	SecretFile string
	// AllowLinkLocal lets the address be a link-local one. Default false.
	AllowLinkLocal bool
}

// GateWebhook opens a gate by an answer of 2xx.
type GateWebhook struct {
	// URL is http or https. Required.
	URL string
	// Interval between two questions. Default 10s.
	Interval time.Duration
}

// Alert is who is told of decisions.
type Alert struct {
	// Type is slack, teams, discord, alertmanager or webhook. Required.
	Type string
	// URL is a secret: whoever has it can write there. Required.
	URL string
	// Severity is the least that is told: info, warn or error. Default "warn".
	Severity string
}
