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
	var u identity.User
	if x.route.Selector.AsksKey() {
		u = x.table.Identity.Read(&x.view)
	} else {
		u = x.table.Identity.ReadTrusted(&x.view)
	}
	if u.TokenRefused {
		x.client.server.Process.ClientError(metrics.ClientToken)
	}
	return u
}
