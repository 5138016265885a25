package identity_test

import (
	"net/netip"
	"testing"

	"sluice/identity"
	"sluice/request/requesttest"
)

func TestWithoutTheKeyAUserIsTheSame(t *testing.T) {
	t.Parallel()
	r := identity.New(identity.Config{
		Trust:   []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Key:     []identity.Source{{Cookie: "sid"}, {Header: "X-User-Id"}},
		Email:   []identity.Source{{Header: "X-User-Email"}},
		Segment: []identity.Source{{Header: "X-User-Segment"}},
	})
	v := &requesttest.View{
		Headers: map[string]string{"x-user-id": "u1", "x-user-email": "a@b.test", "x-user-segment": "beta"},
		Cookies: map[string]string{"sid": "s1"},
	}
	whole, trusted := r.Read(v), r.ReadTrusted(v)
	if string(whole.Key) != "s1" || trusted.Key != nil {
		t.Errorf("keys = %q, %q; want s1 and none", whole.Key, trusted.Key)
	}
	if string(trusted.Trusted) != "u1" || string(trusted.Email) != "a@b.test" || string(trusted.Segment) != "beta" {
		t.Errorf("ReadTrusted = %+v", trusted)
	}
}
