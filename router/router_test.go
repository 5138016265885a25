package router

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"sluice/identity"
	"sluice/request"
	"sluice/request/requesttest"
	"sluice/selector"
)

func route(name string, match ...request.Condition) *Route {
	return &Route{Name: name, Match: match, Selector: selector.New(selector.Config{Route: name}, selector.Split{Canary: -1, PairWeight: 10000})}
}

func TestTheFirstRouteOfTheFileThatMatchesIsTaken(t *testing.T) {
	t.Parallel()
	path := request.PathPrefix("/admin")
	table := New(Table{Identity: identity.New(identity.Config{}), Routes: []*Route{
		route("admin", request.Condition{Path: &path}),
		route("shop", request.Condition{Host: "shop.example"}),
		route("wild", request.Condition{Host: "*.example"}),
		route("shop-again", request.Condition{Host: "shop.example"}),
		route("rest"),
	}})
	for _, c := range []struct{ host, path, want string }{
		{"shop.example", "/", "shop"},
		{"shop.example", "/admin/x", "admin"},
		{"a.example", "/", "wild"},
		{"other.test", "/", "rest"},
		{"", "/admin", "admin"},
	} {
		if got := table.Match(&requesttest.View{Hostname: c.host, Target: c.path}); got == nil || got.Name != c.want {
			t.Errorf("Match(%q, %q) = %v, want %q", c.host, c.path, got, c.want)
		}
	}
}

// The index over hosts must give what trying every route in turn gives.
func TestTheIndexChangesNoResult(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	hosts := []string{"", "a.test", "b.test", "*.test", "*.a.test", "c.a.test"}
	expression, err := request.Regex("/[ab]/.*")
	if err != nil {
		t.Fatal(err)
	}
	paths := []request.Text{
		request.PathPrefix("/"), request.PathPrefix("/a"), request.PathPrefix("/a/b"), request.PathPrefix("/a//b"), request.PathPrefix("b"),
		request.Exact("/a/b"), request.Exact("*"), request.Prefix("/a"), expression, request.Present(),
	}
	for range 1000 {
		var routes []*Route
		for i := range r.IntN(4 * fewRoutes) {
			var match []request.Condition
			for range r.IntN(3) {
				c := request.Condition{Host: hosts[r.IntN(len(hosts))]}
				if r.IntN(2) == 0 {
					c.Path = &paths[r.IntN(len(paths))]
				}
				match = append(match, c)
			}
			routes = append(routes, route(fmt.Sprint("r", i), match...))
		}
		table := New(Table{Routes: routes})
		for range 20 {
			v := &requesttest.View{Hostname: []string{"a.test", "b.test", "c.a.test", "x.test", "d.c.a.test", "z"}[r.IntN(6)], Target: []string{"/a", "/a/", "/a/b", "/a//b", "/a/b/c", "/ab", "/b/c", "/d", "/", "*", "b", ""}[r.IntN(12)]}
			var want *Route
			for _, x := range routes {
				if x.Takes(v) {
					want = x
					break
				}
			}
			if got := table.Match(v); got != want {
				t.Fatalf("seed %d: Match(%+v) = %v, want %v", seed, v, got, want)
			}
		}
	}
}

func TestANewSplitIsANewTableAndLeavesTheOldOneAsItWas(t *testing.T) {
	t.Parallel()
	old := New(Table{Generation: 7, Routes: []*Route{route("a"), route("b")}})
	next := old.WithSplits(map[string]selector.Split{"b": {Canary: 1, CanaryWeight: 500, PairWeight: 10000}})
	if next.Generation != 8 || next.Routes[0] != old.Routes[0] || next.Routes[1].Selector.Split().CanaryWeight != 500 {
		t.Errorf("WithSplits = %+v", next)
	}
	if old.Generation != 7 || old.Route("b").Selector.Split().CanaryWeight != 0 {
		t.Error("the old table changed")
	}
}

func TestFallbackFollowsTheRolesAndNeverLeadsBack(t *testing.T) {
	t.Parallel()
	r := route("a")
	r.Selector = r.Selector.WithSplit(selector.Split{Stable: 1, Canary: 0})
	for _, c := range []struct {
		to                selector.Target
		unavailable, want int
	}{
		{selector.ToStable, 0, 1},
		{selector.ToStable, 1, -1},
		{selector.ToCanary, 1, 0},
		{2, 0, 2},
		{NoFallback, 0, -1},
	} {
		r.Fallback = c.to
		if got := r.FallbackIndex(c.unavailable); got != c.want {
			t.Errorf("FallbackIndex(%d) with %d = %d, want %d", c.unavailable, c.to, got, c.want)
		}
	}
}

// What a look-up costs with 10 000 routes: each with a host of its own, or all below one host. Both with rules about nothing else.
func BenchmarkMatchTenThousandRoutes(b *testing.B) {
	const n = 10_000
	for _, c := range []struct {
		name string
		make func(i int) request.Condition
		ask  *requesttest.View
	}{
		{"hosts", func(i int) request.Condition { return request.Condition{Host: fmt.Sprintf("h%d.example.com", i)} }, &requesttest.View{Hostname: "h9999.example.com", Target: "/a"}},
		{"prefixes", func(i int) request.Condition {
			p := request.PathPrefix(fmt.Sprintf("/api/v1/service-%d", i))
			return request.Condition{Host: "example.com", Path: &p}
		}, &requesttest.View{Hostname: "example.com", Target: "/api/v1/service-9999/users/7"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var routes []*Route
			for i := range n {
				routes = append(routes, route(fmt.Sprint("r", i), c.make(i)))
			}
			table := New(Table{Routes: routes})
			b.ReportAllocs()
			for b.Loop() {
				if r := table.Match(c.ask); r != routes[n-1] {
					b.Fatal(r)
				}
			}
		})
	}
}

// What a look-up costs where the last of a few routes takes the request: up to fewRoutes it has to be no dearer than the index.
func BenchmarkMatchAFewRoutes(b *testing.B) {
	for _, n := range []int{1, 2, fewRoutes} {
		path := request.PathPrefix("/")
		var routes []*Route
		for i := range n {
			routes = append(routes, route(fmt.Sprint("r", i), request.Condition{Host: fmt.Sprintf("h%d.example.com", i), Path: &path}))
		}
		ask := &requesttest.View{Hostname: fmt.Sprintf("h%d.example.com", n-1), Target: "/a"}
		for _, x := range []*index{nil, newIndex(routes)} {
			table := &Table{Routes: routes, index: x}
			b.Run(fmt.Sprintf("routes=%d/index=%v", n, x != nil), func(b *testing.B) {
				for b.Loop() {
					if r := table.Match(ask); r != routes[n-1] {
						b.Fatal(r)
					}
				}
			})
		}
	}
}
