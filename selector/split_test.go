package selector_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"sluice/identity"
	"sluice/metrics"
	"sluice/request/requesttest"
	"sluice/selector"
)

func pair(canary uint32) selector.Split {
	return selector.Split{Stable: 0, Canary: 1, CanaryWeight: canary, PairWeight: 10000, Salt: "attempt-1", Trial: true, Step: 1}
}

func TestSharesMatchTheWeights(t *testing.T) {
	t.Parallel()
	const seed, n = 7, 400_000
	r := rand.New(rand.NewPCG(seed, 0))
	for _, weight := range []uint32{0, 1, 50, 500, 3333, 9999, 10000} {
		s := selector.New(selector.Config{Route: "shop"}, pair(weight))
		got := 0
		for range n {
			c := s.Pick(&requesttest.View{}, identity.User{}, selector.Draw{Hi: r.Uint64(), Lo: r.Uint64()})
			if c.Reason != selector.Weight || c.Cohort != metrics.Drawn && c.Cohort != metrics.Mimic {
				t.Fatalf("Pick = %+v, want reason weight and cohort drawn", c)
			}
			got += c.Backend
		}
		p := float64(weight) / 10000
		if want, sd := p*n, math.Sqrt(n*p*(1-p)); math.Abs(float64(got)-want) > 4*sd {
			t.Errorf("seed %d: weight %d: %d of %d on the canary, want %.0f ± %.0f", seed, weight, got, n, want, 4*sd)
		}
	}
}

// Some of stable's requests play the canary, as large a part of them as the canary has of all.
func TestAsLargeAPartOfStablePlaysTheCanary(t *testing.T) {
	t.Parallel()
	const seed, n = 8, 400_000
	r := rand.New(rand.NewPCG(seed, 0))
	for _, tt := range []struct {
		canary int
		weight uint32
		want   float64
	}{{1, 0, 0.05}, {1, 500, 0.05}, {1, 2500, 0.25}, {1, 9500, 0.95}, {1, 10000, 0}, {-1, 0, 0}} {
		split := pair(tt.weight)
		split.Canary = tt.canary
		s := selector.New(selector.Config{Route: "shop"}, split)
		stable, mimics := 0, 0
		for range n {
			switch c := s.Pick(&requesttest.View{}, identity.User{}, selector.Draw{Hi: r.Uint64(), Lo: r.Uint64()}); {
			case c.Cohort == metrics.Mimic && c.Backend != 0:
				t.Fatalf("a canary's request plays the canary: %+v", c)
			case c.Cohort == metrics.Mimic:
				mimics++
				fallthrough
			case c.Backend == 0:
				stable++
			}
		}
		if got := float64(mimics) / float64(max(stable, 1)); math.Abs(got-tt.want) > 0.005 {
			t.Errorf("seed %d: weight %d: %.4f of stable's requests play the canary, want %g", seed, tt.weight, got, tt.want)
		}
	}
}

func TestUsersMoveOneWayWhileTheCanaryGrowsAndAllReturnAtZero(t *testing.T) {
	t.Parallel()
	s := selector.New(selector.Config{Route: "shop", Sticky: []selector.StickyBy{{Kind: selector.ByHeader, Name: "x-session"}}}, pair(0))
	on := make([]int, 3000)
	for _, weight := range []uint32{500, 2500, 5000} {
		s = s.WithSplit(pair(weight))
		for i := range on {
			v := &requesttest.View{Headers: map[string]string{"x-session": fmt.Sprint("user-", i)}}
			c := s.Pick(v, identity.User{}, selector.Draw{})
			if c.Backend < on[i] || c.Reason != selector.Sticky {
				t.Fatalf("user %d at %d: %+v, was on %d", i, weight, c, on[i])
			}
			on[i] = c.Backend
		}
	}
	s = s.WithSplit(pair(0))
	for i := range on {
		v := &requesttest.View{Headers: map[string]string{"x-session": fmt.Sprint("user-", i)}}
		if c := s.Pick(v, identity.User{}, selector.Draw{}); c.Backend != 0 {
			t.Fatalf("user %d is on %d at weight 0", i, c.Backend)
		}
	}
}

func TestIdentityHeadersAndTheirAliasesAreKnown(t *testing.T) {
	t.Parallel()
	r := identity.New(identity.Config{Key: []identity.Source{{Header: "X-User-Id"}, {Cookie: "uid"}}, Segment: []identity.Source{{Header: "X-User-Segment"}}})
	for name, want := range map[string]bool{"X-User-Id": true, "x_user.segment": true, "X-User-Ids": false, "uid": false} {
		if got := r.IsHeader([]byte(name)); got != want {
			t.Errorf("IsHeader(%q) = %v, want %v", name, got, want)
		}
	}
	u := r.Read(&requesttest.View{Cookies: map[string]string{"uid": "u1"}})
	if string(u.Key) != "u1" || u.Trusted != nil {
		t.Errorf("Read = %+v, want the cookie for stickiness only", u)
	}
}

func TestTheKeyIsAskedForWhereItDecides(t *testing.T) {
	t.Parallel()
	whole := selector.Rule{Segments: []string{"beta"}, Percent: 10000}
	part := whole
	part.Percent = 500
	for name, c := range map[string]struct {
		selector.Config
		user, key bool
	}{
		"nothing":         {selector.Config{}, false, false},
		"a rule":          {selector.Config{Rules: []selector.Rule{whole}}, true, false},
		"a rule for some": {selector.Config{Rules: []selector.Rule{part}}, true, true},
		"sticky by user":  {selector.Config{Sticky: []selector.StickyBy{{Kind: selector.ByIdentity}}}, true, true},
		"sticky by more":  {selector.Config{Sticky: []selector.StickyBy{{Kind: selector.ByCookie, Name: "c"}}, Rules: []selector.Rule{whole}}, true, false},
	} {
		if s := selector.New(c.Config, pair(500)); s.AsksUser() != c.user || s.AsksKey() != c.key {
			t.Errorf("%s: AsksUser = %v, AsksKey = %v; want %v, %v", name, s.AsksUser(), s.AsksKey(), c.user, c.key)
		}
	}
}

func TestPickingAllocatesNothing(t *testing.T) {
	s := selector.New(selector.Config{Route: "shop", Sticky: []selector.StickyBy{{Kind: selector.ByCookie, Name: "sluice-id"}}}, pair(500))
	v := &requesttest.View{Cookies: map[string]string{"sluice-id": "abc.1"}}
	if got := testing.AllocsPerRun(100, func() { s.Pick(v, identity.User{}, selector.Draw{Lo: 3}) }); got != 0 {
		t.Errorf("allocations = %v, want 0", got)
	}
}
