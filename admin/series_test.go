package admin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/internal/testkit"
	"sluice/metrics"
	"sluice/rollout"
)

// ask200 reads a series from a server that is asked without a network.
func ask200(t *testing.T, s *admin.Server, path string) admin.SeriesObject {
	t.Helper()
	r := httptest.NewRequest("GET", path, http.NoBody)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s = %d %s", path, w.Code, w.Body)
	}
	conforms(t, path, answerSchema(t, "GET", path), w.Body.Bytes())
	var o admin.SeriesObject
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// send puts answers of 20 ms through a meter.
func send(m *metrics.Meter, requests, failed int) {
	for i := range requests {
		now := metrics.Now()
		m.End(m.Begin(now, metrics.Drawn, 0), metrics.Outcome{At: now, Failed: i < failed})
		m.Answer(metrics.MethodGet, 200, 20*time.Millisecond, 0)
	}
}

func TestASeriesShowsWhatCameBetweenTwoReadings(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	s := serverOf(t, proxy, nil)
	canary := proxy.List[0].Backends[1].Meter
	s.Sample(admintest.At) // what came before the first reading is no part of the hour
	send(canary, 7, 3)
	s.Sample(admintest.At.Add(2 * time.Second))
	s.Sample(admintest.At.Add(4 * time.Second))

	o := ask200(t, s, "/api/v1/routes/checkout/series")
	numbers := func(v ...uint32) (out []*uint32) {
		for _, n := range v {
			out = append(out, &n)
		}
		return out
	}
	if diff := cmp.Diff([]time.Time{admintest.At.Add(2 * time.Second), admintest.At.Add(4 * time.Second)}, o.At); diff != "" {
		t.Errorf("at (-want +got):\n%s", diff)
	}
	b := o.Backends[1]
	if diff := cmp.Diff(numbers(7, 0), b.Requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(numbers(3, 0), b.Errors); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if p := time.Duration(*b.P99[0]); p < 19*time.Millisecond || p > 21*time.Millisecond || b.P99[1] != nil {
		t.Errorf("p99 = %v, then %v; want 20 ms, then nothing", p, b.P99[1])
	}
	if b.Name != "canary" || *b.Weight[0] != 500 {
		t.Errorf("backend %s has weight %s, want canary 5%%", b.Name, *b.Weight[0])
	}

	later := ask200(t, s, "/api/v1/routes/checkout/series?since="+url.QueryEscape(o.At[0].Format(time.RFC3339Nano)))
	if len(later.At) != 1 || len(later.Backends[1].Requests) != 1 {
		t.Errorf("since the first point: %v, want the second", later.At)
	}
}

func TestASeriesIsAnHourAndNoMore(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	s := serverOf(t, proxy, nil)
	for i := range 3 * admin.SeriesKeep {
		s.Sample(admintest.At.Add(time.Duration(i) * 2 * time.Second))
		if kept := s.Kept("checkout"); kept > admin.SeriesKeep*5/4 {
			t.Fatalf("%d points are kept, want a bound", kept)
		}
	}
	o := ask200(t, s, "/api/v1/routes/plain/series")
	if n := len(o.At); n != admin.SeriesKeep || o.At[n-1].Sub(o.At[0]) > time.Hour {
		t.Errorf("%d points from %v to %v, want an hour", n, o.At[0], o.At[n-1])
	}
}

func TestASeriesFollowsBackendsThatComeAndGo(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	s := serverOf(t, proxy, nil)
	route := &proxy.List[0]
	s.Sample(admintest.At)
	s.Sample(admintest.At.Add(2 * time.Second))
	third := admin.Backend{Name: "third", Weight: rollout.Full, Meter: metrics.New(metrics.Config{Shards: 1, Blocks: true})}
	route.Backends = []admin.Backend{third, route.Backends[0]}
	s.Sample(admintest.At.Add(4 * time.Second))

	o := ask200(t, s, "/api/v1/routes/checkout/series")
	if len(o.Backends) != 2 || o.Backends[0].Name != "third" || o.Backends[0].Requests[0] != nil || o.Backends[0].Requests[1] == nil {
		t.Errorf("the new backend's column is %+v, want nothing, then a number", o.Backends[0])
	}
	if o.Backends[1].Name != "stable" || o.Backends[1].Requests[0] == nil {
		t.Errorf("the column of stable is %+v, want both points", o.Backends[1])
	}
	proxy.List = proxy.List[1:]
	s.Sample(admintest.At.Add(6 * time.Second))
	if kept := s.Kept("checkout"); kept != 0 {
		t.Errorf("%d points of a route that is gone are kept", kept)
	}
}

func TestRecentNumbersAreThoseOfTheLastSeconds(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	address := admintest.Serve(t, proxy, nil)
	// A block is read when it is over.
	testkit.Until(t, testkit.Patience, "50 requests, 1 error, 3.33 a second and 4.8 % of all", func() (bool, any) {
		var o admin.RouteObject
		_, _, body := ask(t, address, "GET", "/api/v1/routes/checkout", "")
		if err := json.Unmarshal(body, &o); err != nil {
			t.Fatal(err)
		}
		r := o.Backends[1].Recent
		return r.Requests == 50 && r.Errors == 1 && r.Rate == 3.33 && r.Share > 4.7 && r.Share < 4.8 && r.ErrorRate == 2, r
	})
}
