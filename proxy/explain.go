package proxy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"sluice/router"
	"sluice/selector"
)

// Question is a request that somebody asks about; it is sent nowhere and counted nowhere.
type Question struct {
	// Head is the request's head as a client would send it, with the empty line.
	Head []byte
	// From is the client's address, Front the listener that would take the request.
	From  netip.Addr
	Front Front
	// Route is taken whatever the request matches; "" looks for it.
	Route string
}

// Answer is where the request would go. Route is nil when none takes it.
type Answer struct {
	Route  *router.Route
	Choice selector.Choice
	// Email, Segment and Key are what is known of the user, "" when unknown.
	Email, Segment, Key string
	// Trusted says that identity headers of this peer are believed.
	Trusted bool
	// TokenRefused says that the request has a token that is not believed.
	TokenRefused bool
}

// Explain says where a request would go under the table: it takes the same steps as one that is carried. Draws that are random come
// out as they happen to. The error says what is wrong with the request.
func Explain(t *router.Table, q Question) (Answer, error) {
	var head requestHead
	n, err := head.scan(q.Head, headLimits{bytes: len(q.Head) + 1, fields: len(q.Head)})
	if err != nil {
		return Answer{}, err
	}
	if n == 0 {
		return Answer{}, fmt.Errorf("the request's head is not whole")
	}
	v := view{head: &head, identity: t.Identity, listener: q.Front.Name, client: q.From, believed: t.Identity.Trusts(q.From)}
	if contains(q.Front.TrustedProxies, q.From) {
		v.client = forwardedClient(&head, q.From, q.Front.TrustedProxies)
	}
	v.settle()
	user := t.Identity.Read(&v)
	a := Answer{Route: t.Route(q.Route), Email: string(user.Email), Segment: string(user.Segment), Key: string(user.Key), Trusted: v.believed, TokenRefused: user.TokenRefused}
	if q.Route == "" {
		a.Route = t.Match(&v)
	}
	if a.Route == nil {
		return a, nil
	}
	if a.Route.Redirect != nil {
		return a, nil
	}
	a.Choice = a.Route.Selector.Pick(&v, user, selector.Draw{Hi: rand.Uint64(), Lo: rand.Uint64()})
	if a.Route.Override != nil {
		if found := override(a.Route, &v, time.Now().Unix()); found.ok {
			a.Choice.Backend, a.Choice.Reason = found.Backend, selector.Override
			return a, nil
		}
	}
	if b, ok := a.Route.Serving(a.Choice.Backend); ok && b != a.Choice.Backend {
		a.Choice.Backend, a.Choice.Reason = b, selector.Fallback
	}
	return a, nil
}
