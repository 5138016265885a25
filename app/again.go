package app

import (
	"sluice/config"
	"sluice/metrics"
	"sluice/router"
)

// again is how a route's requests are sent more than once: when they failed, and as copies.
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
	if m := c.Mirror; m != nil {
		out.Mirror = &router.Mirror{To: target(c, m.To), Percent: uint32(m.Percent), BodyBytes: m.BodyBytes, OnTrial: c.Rollout != nil && c.Rollout.Copies != nil}
		for _, name := range m.Methods {
			out.Mirror.Methods[metrics.MethodOf([]byte(name))] = true
		}
	}
	if r := c.Rescue; r != nil {
		out.Rescue = &router.Rescue{To: target(c, r.To), BodyBytes: r.BodyBytes}
	}
}
