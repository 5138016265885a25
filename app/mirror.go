package app

import (
	"fmt"

	"sluice/metrics"
	"sluice/proxy"
	"sluice/rollout"
)

// copied says in words what else gets the request; "" where nothing does.
func copied(method string, a *proxy.Answer) string {
	m := a.Route.Mirror
	if m == nil || !m.Methods[metrics.MethodOf([]byte(method))] {
		return ""
	}
	to := a.Route.Index(m.To)
	if to < 0 || to == a.Choice.Backend {
		return ""
	}
	return fmt.Sprintf("; %s of such requests are copied to %s, whose answers go nowhere", rollout.Weight(m.Percent), a.Route.Backends[to].Name())
}
