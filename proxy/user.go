package proxy

import (
	"sluice/identity"
	"sluice/metrics"
)

// user is who the request comes from, where the route's choice depends on that.
func (x *exchange) user() identity.User {
	if !x.route.Selector.AsksUser() {
		return identity.User{}
	}
	u := x.table.Identity.Read(&x.view)
	if u.TokenRefused {
		x.client.server.Process.ClientError(metrics.ClientToken)
	}
	return u
}
