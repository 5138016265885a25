package app

import (
	"sluice/config"
	"sluice/metrics"
	"sluice/router"
)

// again is how a route's failed requests get another chance.
func again(c *config.Route, out *router.Route) {
	if r := c.Retry; r != nil && r.Attempts > 0 {
		out.Retry = &router.Retry{Attempts: r.Attempts, PerTry: r.PerTryTimeout, Budget: router.Budget{Share: uint32(r.Budget)}}
		for _, m := range r.Methods {
			out.Retry.Methods[metrics.MethodOf([]byte(m))] = true
		}
		for _, on := range r.RetryOn {
			switch on {
			case "connect-failure":
				out.Retry.Connect = true
			case "refused-stream":
				out.Retry.Refused = true
			case "502":
				out.Retry.S502 = true
			case "503":
				out.Retry.S503 = true
			case "504":
				out.Retry.S504 = true
			}
		}
	}
	if r := c.Rescue; r != nil {
		out.Rescue = &router.Rescue{To: target(c, r.To), BodyBytes: r.BodyBytes}
	}
}
