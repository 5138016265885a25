package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// naming is a server that names itself, whatever else the handler does.
func naming(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(backendHeader, "stable")
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestALoadAccountsForEveryRequest(t *testing.T) {
	t.Parallel()
	var count atomic.Int64
	url := naming(t, func(w http.ResponseWriter, _ *http.Request) {
		switch n := count.Add(1); {
		case n%10 == 0:
			panic(http.ErrAbortHandler) // the connection ends without an answer
		case n%10 == 5:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	got, err := Load{URL: url + "/", Rate: 2000, Duration: 300 * time.Millisecond, BackendHeader: backendHeader}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(count.Load())
	if got.Sent != n || got.Lost != n/10 || got.Failed != n/10+(n+5)/10 || got.FirstLoss == nil {
		t.Errorf("the load counts %d sent, %d lost, %d failed; the server %d requests, of which each tenth was lost and each tenth failed",
			got.Sent, got.Lost, got.Failed, n)
	}
	row := got.Of("stable")
	if row.Status[200]+row.Status[503] != n-n/10 || row.P50 <= 0 || row.P99 < row.P50 {
		t.Errorf("stable's row is %+v, want %d answers with their latencies", row, n-n/10)
	}
}

func TestALatencyCountsFromWhenTheRequestWasDue(t *testing.T) {
	t.Parallel()
	const slow = 30 * time.Millisecond
	url := naming(t, func(_ http.ResponseWriter, r *http.Request) { pause(r.Context(), slow) })
	// On one connection only every thirtieth request is in time: the others wait, and their waiting counts.
	load := Load{URL: url + "/", Rate: 1000, Duration: 300 * time.Millisecond, BackendHeader: backendHeader, Connections: 1}
	got, err := load.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if row := got.Of("stable"); row.P95 < 4*slow {
		t.Errorf("p95 = %v of %d requests, want the time that they waited for the connection", row.P95, row.Sent)
	}
}

func TestUsersKeepTheCookieTheyWereGivenOrNameThemselves(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"", "X-User-Id"} {
		var mu sync.Mutex
		asked := map[string]int{}
		url := naming(t, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			who := r.Header.Get("X-User-Id")
			if c, err := r.Cookie("id"); err == nil {
				who = c.Value
			}
			if who == "" {
				http.SetCookie(w, &http.Cookie{Name: "id", Value: fmt.Sprint(len(asked))})
			}
			asked[who]++
		})
		load := Load{URL: url + "/", Rate: 1000, Duration: 300 * time.Millisecond, Users: 3, UserHeader: header, Connections: 1}
		if _, err := load.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if nobody := asked[""]; nobody > 3 || header != "" && nobody > 0 || len(asked) < 3 || len(asked) > 4 {
			t.Errorf("user header %q: the server was asked by %v, want three users who are known after their first request", header, asked)
		}
		mu.Unlock()
	}
}

func TestALoadThatCanSendNothingSaysWhy(t *testing.T) {
	t.Parallel()
	for _, l := range []Load{{URL: "https://127.0.0.1:1/", Rate: 1}, {URL: "127.0.0.1:1", Rate: 1}, {URL: "http://127.0.0.1:1/"}} {
		if _, err := l.Run(context.Background()); err == nil {
			t.Errorf("%+v.Run() = nil error, want a refusal", l)
		}
	}
}
