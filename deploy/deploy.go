// Package deploy has what is set up around a running proxy, as it ships: a Grafana dashboard and Prometheus rules. The files are
// written by hand; tests hold every metric in them against those that the proxy exposes.
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
