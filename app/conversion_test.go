package app

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"sluice/admin"
	"sluice/metrics"
)

const buying = `routes:
  - name: shop
    backends:
      stable: {endpoints: [%q], version: "1"}
    sticky: {by: header, header: X-User}
    conversion: {within: %s}
`

func (r *running) visit(t *testing.T, user string) {
	t.Helper()
	q, err := http.NewRequest("GET", "http://"+r.listen+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("X-User", user)
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

func (r *running) wantResult(t *testing.T, e admin.ConversionEvent, want string) {
	t.Helper()
	if got, err := r.Converted(e); err != nil || got.Result != want || got.Counted != (want == "converted") {
		t.Errorf("Converted(%+v) = %+v, %v, want %s", e, got, err, want)
	}
}

// A route with one backend counts too, and a reload drops open visits only where they would mean something else.
func TestVisitsOutliveAReloadUnlessTheirRulesChange(t *testing.T) {
	t.Parallel()
	backend := origin(t, "one")
	r := start(t, fmt.Sprintf(buying, backend, "1h"))
	reload := func(body string) {
		t.Helper()
		r.set(body)
		if _, err := r.Reload(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	r.visit(t, "ann")
	reload(fmt.Sprintf(buying, backend, "1h") + "    timeout: 20s\n")
	r.wantResult(t, admin.ConversionEvent{User: "ann"}, "converted")
	r.visit(t, "bob")
	reload(fmt.Sprintf(buying, backend, "2h"))
	r.wantResult(t, admin.ConversionEvent{User: "bob"}, "unknown-user")
	r.visit(t, "bob")
	r.wantResult(t, admin.ConversionEvent{User: "bob", ID: "7"}, "converted")
	r.wantResult(t, admin.ConversionEvent{Route: "shop", User: "bob", ID: "7"}, "duplicate")
	if m := r.Routes()[0].Backends[0].Meter.Totals(); m.Visits != 3 || m.Conversions != 2 {
		t.Errorf("%d visits, %d conversions, want 3 and 2", m.Visits, m.Conversions)
	}
	reload(fmt.Sprintf(pair, backend, origin(t, "two"), 100, 0))
	if got, err := r.Converted(admin.ConversionEvent{Route: "shop", User: "bob"}); err == nil {
		t.Errorf("Converted on a route that counts none = %+v, want a refusal", got)
	}
}

func TestEventsAreKnownAgainAndTheOldestAreForgotten(t *testing.T) {
	t.Parallel()
	v := &visiting{ids: map[uint64]bool{}}
	for id := range uint64(rememberedEvents + 10) {
		v.remember(id)
	}
	if len(v.ids) != rememberedEvents || v.ids[9] || !v.ids[10] || !v.ids[rememberedEvents+9] {
		t.Errorf("%d ids are known, want %d, the newest", len(v.ids), rememberedEvents)
	}
}

// Clocks may be apart by a little: a sale just before its visit, by another clock, was just after it.
func TestAClockThatIsALittleOffIsForgiven(t *testing.T) {
	t.Parallel()
	r := start(t, fmt.Sprintf(buying, origin(t, "one"), "1h"))
	for i, c := range []struct {
		off  time.Duration
		want string
	}{{-4 * time.Second, "converted"}, {4 * time.Second, "converted"}, {time.Minute, metrics.InFuture.String()}, {-time.Minute, metrics.BeforeVisit.String()}, {-250 * 365 * 24 * time.Hour, metrics.BeforeVisit.String()}} {
		user := fmt.Sprint("user-", i)
		r.visit(t, user)
		r.wantResult(t, admin.ConversionEvent{User: user, At: time.Now().Add(c.off)}, c.want)
	}
}
