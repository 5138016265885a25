package proxy

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/metrics"
	"sluice/request"
	"sluice/router"
	"sluice/selector"
)

// converting is a route whose visits begin at /shop and whose goal is a POST to /done.
func converting(v *metrics.Visits) func(*router.Route) {
	return func(r *router.Route) {
		visit, done := request.PathPrefix("/shop"), request.Exact("/done")
		r.Conversion = &router.Conversion{
			Visit: request.Condition{Path: &visit}, Goal: &request.Condition{Path: &done, Methods: []string{"POST"}}, Status: []int{200, 201},
			Header: "sluice-conversion", Visits: new(atomic.Pointer[metrics.Visits]),
		}
		r.Conversion.Visits.Store(v)
	}
}

func (b *bench) visit(user, what string) string {
	b.t.Helper()
	return b.talk(what + " HTTP/1.1\r\nHost: a\r\nX-User: " + user + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

func (b *bench) wantConversions(visits, conversions [2]uint64) {
	b.t.Helper()
	for i, m := range b.route.Meters {
		if t := m.Totals(); t.Visits != visits[i] || t.Conversions != conversions[i] {
			b.t.Errorf("backend %d: %d visits, %d conversions, want %d and %d", i, t.Visits, t.Conversions, visits[i], conversions[i])
		}
	}
}

var byHeader = []selector.StickyBy{{Kind: selector.ByHeader, Name: "x-user"}}

func TestAVisitConvertsOnceForTheBackendItWasDrawnTo(t *testing.T) {
	t.Parallel()
	v := metrics.NewVisits(metrics.VisitsConfig{Users: 100, Within: time.Hour})
	b := newBench(t, benchOptions{sticky: byHeader, canary: 10000, routed: converting(v)},
		newOrigin(t, always(okAnswer)).url, newOrigin(t, always(okAnswer)).url)
	for range 3 {
		b.visit("ann", "GET /shop/a")
		b.visit("bob", "GET /shop")
		b.visit("cid", "GET /elsewhere") // no visit
	}
	b.wantConversions([2]uint64{0, 2}, [2]uint64{})
	b.visit("ann", "GET /done") // not the goal
	b.visit("cid", "POST /done")
	b.wantConversions([2]uint64{0, 2}, [2]uint64{})
	for range 3 {
		b.visit("ann", "POST /done")
	}
	b.wantConversions([2]uint64{0, 2}, [2]uint64{0, 1})

	// Everyone is moved: who came to the canary converts for it.
	back := *b.route
	back.Selector = b.route.Selector.WithSplit(selector.Split{Canary: 1, PairWeight: 10000, Salt: "a"})
	old := b.live.Load()
	b.live.Store(router.New(router.Table{Routes: []*router.Route{&back}, Identity: old.Identity}))
	b.visit("bob", "POST /done")
	b.visit("dan", "GET /shop")
	b.wantConversions([2]uint64{1, 2}, [2]uint64{0, 2})
}

func TestOnlyDrawnRequestsBeginVisits(t *testing.T) {
	t.Parallel()
	v := metrics.NewVisits(metrics.VisitsConfig{Users: 100, Within: time.Hour})
	b := newBench(t, benchOptions{sticky: byHeader, canary: 10000, routed: func(r *router.Route) {
		converting(v)(r)
		pinned := request.Present()
		r.Selector = selector.New(selector.Config{Route: "shop", Sticky: byHeader, Rules: []selector.Rule{{
			Match: &request.Condition{Headers: []request.Named{{Name: "x-pinned", Text: pinned}}}, To: selector.ToStable, Percent: 10000, Measure: true,
		}}}, r.Selector.Split())
	}}, newOrigin(t, always(okAnswer)).url, newOrigin(t, always(okAnswer)).url)
	b.talk("GET /shop HTTP/1.1\r\nHost: a\r\nX-User: eve\r\nX-Pinned: 1\r\nConnection: close\r\n\r\n")
	b.talk("GET /shop HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") // nobody
	b.visit("eve", "POST /done")
	b.wantConversions([2]uint64{}, [2]uint64{})
	b.visit("eve", "GET /shop")
	b.wantConversions([2]uint64{0, 1}, [2]uint64{})
}

func TestAFailedGoalConvertsNobody(t *testing.T) {
	t.Parallel()
	v := metrics.NewVisits(metrics.VisitsConfig{Users: 100, Within: time.Hour})
	b := newBench(t, benchOptions{sticky: byHeader, routed: converting(v)}, newOrigin(t, always("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")).url)
	b.visit("ann", "GET /shop")
	b.visit("ann", "POST /done")
	b.wantConversions([2]uint64{1}, [2]uint64{})
}

func TestTheAnswersFieldConvertsAndGoesNoFurther(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header, lines string
		converts      uint64
	}{
		{"sluice-conversion", "Sluice-Conversion: 1\r\n", 1},
		{"sluice-conversion", "SLUICE-conversion: order-77\r\n", 1},
		{"sluice-conversion", "Sluice-Conversion: 0\r\n", 0},
		{"sluice-conversion", "Sluice-Conversion: False\r\n", 0},
		{"sluice-conversion", "Sluice-Conversion:\r\n", 0},
		{"sluice-conversion", "X-Sold: 1\r\n", 0},
		{"x-sold", "X-SOLD: 1\r\n", 1},
	} {
		v := metrics.NewVisits(metrics.VisitsConfig{Users: 100, Within: time.Hour})
		answer := "HTTP/1.1 103 Early Hints\r\n" + c.lines + "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + c.lines + "X-Kept: 1\r\n\r\nok"
		b := newBench(t, benchOptions{sticky: byHeader, routed: func(r *router.Route) {
			converting(v)(r)
			r.Conversion.Header = c.header
		}}, newOrigin(t, always(answer)).url)
		got := strings.ToLower(b.visit("ann", "GET /shop"))
		b.wantConversions([2]uint64{1}, [2]uint64{c.converts})
		if strings.Contains(got, "sluice-conversion") || strings.Contains(got, c.header+":") || !strings.Contains(got, "x-kept") {
			t.Errorf("%s: the client got %q", c.lines, got)
		}
	}
}

func TestVisitsAndConversionsAllocateNothing(t *testing.T) {
	r := &router.Route{Meters: []*metrics.Meter{metrics.New(metrics.Config{Blocks: true})}}
	converting(metrics.NewVisits(metrics.VisitsConfig{Users: 10_000, Within: time.Second}))(r)
	r.Selector = selector.New(selector.Config{Route: "shop", Sticky: byHeader}, selector.Split{Canary: -1, PairWeight: 10000})
	x := &exchange{route: r, client: &client{}, choice: selector.Choice{Reason: selector.Sticky}}
	for _, path := range []string{"GET /shop/a", "POST /done"} {
		if _, err := x.head.scan([]byte(path+" HTTP/1.1\r\nHost: a\r\n\r\n"), testLimits); err != nil {
			t.Fatal(err)
		}
		x.view.head = &x.head
		x.view.settle()
		if _, err := x.answer.scan([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSluice-Conversion: 1\r\n\r\n"), testLimits, false); err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(1000, func() {
			x.choice.Key++
			x.start = metrics.Now()
			x.visit(r.Conversion)
			x.convert(r.Conversion)
		})
		if n != 0 {
			t.Errorf("%s: %g allocations, want 0", path, n)
		}
	}
	if got := r.Meters[0].Totals(); got.Visits < 1000 || got.Conversions < 1000 {
		t.Errorf("%d visits, %d conversions: the test counted nothing", got.Visits, got.Conversions)
	}
}
