package demo

import (
	"fmt"
	"strconv"
)

// Config is the configuration file of a demonstration: one route, and a whole rollout in about half a minute. listen and admin are
// HOST:PORT (admin also unix:PATH), the URLs those of Backends; stateDir is a folder of this demonstration alone.
func Config(listen, admin, stateDir, stableURL, canaryURL string, s Scenario) string {
	return fmt.Sprintf(`# The demonstration. A real rollout takes its time: hold 10m or more, and steps from a preset.
version: 1
listeners:
  - {name: web, address: %s}
admin: {address: %s}
state: {dir: %s}
shutdownTimeout: 5s
routes:
  - name: demo
    backends:
      stable:
        endpoints: [%s]
        version: %q
        healthCheck: {path: /healthz, interval: 1s, timeout: 1s}
      canary:
        endpoints: [%s]
        version: %q
        healthCheck: {path: /healthz, interval: 1s, timeout: 1s}
    sticky: {by: cookie}
    rollout:
      steps: [5%%, 25%%, 50%%, 100%%]
      hold: 6s
      minRequests: %d
      bake: 8s
      bakeStable: 5%%
      blastRadius: 1%%
      analysis:
        checks:
          - {metric: error-rate, max: 5%%}
          - {metric: latency, quantile: p95, max: 250ms}
`, strconv.Quote(listen), strconv.Quote(admin), strconv.Quote(stateDir), strconv.Quote(stableURL), stableVersion,
		strconv.Quote(canaryURL), canaryVersion, s.minRequests())
}
