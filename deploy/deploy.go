// Package deploy has what is set up around a running proxy, as it ships: a Grafana dashboard, Prometheus rules, units for systemd. The
// files are written by hand; tests hold every metric in them against those that the proxy exposes, and let systemd check the units.
package deploy

import _ "embed" // of the files

// Dashboard is a Grafana dashboard (JSON, to be imported).
//
//go:embed dashboard.json
var Dashboard []byte

// Rules are Prometheus recording and alerting rules (YAML).
//
//go:embed rules.yaml
var Rules []byte

// Service is a unit that runs the proxy under systemd, hardened.
//
//go:embed sluice.service
var Service []byte

// Socket is a unit by which systemd opens the port for it.
//
//go:embed sluice.socket
var Socket []byte
