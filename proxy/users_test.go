package proxy

import (
	"testing"

	"sluice/metrics"
	"sluice/selector"
)

// A user is one trial, whatever it asks for; requests without a sticky key are nobody's.
func TestOnAStickyRouteUsersAreCountedBySideAndFailOnce(t *testing.T) {
	t.Parallel()
	keys := metrics.NewKeys(100)
	b := newBench(t, benchOptions{
		users: keys, canary: 10000, sticky: []selector.StickyBy{{Kind: selector.ByHeader, Name: "x-user"}},
	}, newOrigin(t, always(okAnswer)).url, newOrigin(t, always("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")).url)
	for range 3 {
		b.talk("GET / HTTP/1.1\r\nHost: a\r\nX-User: ann\r\nConnection: close\r\n\r\n")
		b.talk("GET / HTTP/1.1\r\nHost: a\r\nX-User: bob\r\nConnection: close\r\n\r\n")
		b.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	}
	var u metrics.Users
	new(metrics.UsersReader).Read(keys, &u)
	if u.Failed[0] != (metrics.Sides{Canary: 2}) || u.Risk[0] != (metrics.Sides{Canary: 2}) {
		t.Errorf("failed %+v of %+v, want two users of the canary, each once", u.Failed[0], u.Risk[0])
	}
}
