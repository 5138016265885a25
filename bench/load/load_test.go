package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/testkit"
)

func TestAStallShowsInAnOpenLoopAndHidesInAClosedOne(t *testing.T) {
	t.Parallel()
	const stall = time.Second
	run := func(l Load) *Report {
		var once sync.Once
		var mu sync.RWMutex
		o := testkit.NewOrigin(t, "o", func(w http.ResponseWriter, r *http.Request) {
			once.Do(func() { // the whole server stands still
				mu.Lock()
				time.AfterFunc(stall, mu.Unlock)
			})
			mu.RLock()
			defer mu.RUnlock()
			_, _ = io.WriteString(w, "ok")
		})
		l.URL, l.Connections = o.URL, 4
		return send(t, l)
	}
	// 4 connections hold up 4 requests; 400 were due during the second.
	open := run(Load{Rate: 400, Even: true, Count: 1200})
	if open.Requests != 1200 || time.Duration(open.Latency.P99) < stall*9/10 || time.Duration(open.Latency.P90) < stall/2 {
		t.Errorf("open loop: %d requests, p90 %v, p99 %v; want 1200, above %v, about %v", open.Requests, open.Latency.P90, open.Latency.P99, stall/2, stall)
	}
	if time.Duration(open.Service.P90) > stall/2 {
		t.Errorf("open loop, from sending: p90 %v, want far below the stall: only 4 requests were sent into it", open.Service.P90)
	}
	closed := run(Load{Count: 1200})
	if time.Duration(closed.Latency.P99) > stall/2 {
		t.Errorf("closed loop: p99 %v, want far below the stall: only 4 of 1200 saw it", closed.Latency.P99)
	}
	if time.Duration(closed.Latency.Max) < stall*9/10 {
		t.Errorf("closed loop: longest %v, want about %v", closed.Latency.Max, stall)
	}
}

func TestARequestIsSentAsItWasAskedFor(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	o := testkit.NewOrigin(t, "o", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Host, " ", r.Header.Get("X-User-Id"), " ", string(body)))
	})
	h := http.Header{"X-User-Id": {"user-1"}, "Host": {"shop.example.test"}}
	r := send(t, Load{URL: o.URL + "/a?b=c", Header: h, Body: []byte("hello"), Connections: 2, Count: 5, By: testkit.ServedBy})
	if r.Requests != 5 || r.Statuses["2xx"] != 5 || r.Failed() != 0 || r.By["o"] != 5 || len(seen) != 5 {
		t.Errorf("report %+v, %d seen; want 5 of all", r, len(seen))
	}
	if want := "POST /a?b=c shop.example.test user-1 hello"; seen[0] != want {
		t.Errorf("seen %q, want %q", seen[0], want)
	}
}

func TestABodyLargerThanTheSocketTakesIsSentWhole(t *testing.T) {
	t.Parallel()
	const size = 16 << 20
	var got atomic.Int64
	o := testkit.NewOrigin(t, "o", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		got.Store(n)
	})
	if r := send(t, Load{URL: o.URL, Body: make([]byte, size), Connections: 1, Count: 2}); r.Failed() != 0 || got.Load() != size {
		t.Errorf("%d bytes came, want %d: %+v", got.Load(), size, r)
	}
}

func TestAnswersOfEveryFramingAreRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, answer string
		keeps          bool
	}{
		"length":       {answer: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", keeps: true},
		"chunks":       {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", keeps: true},
		"until close":  {answer: "HTTP/1.1 200 OK\r\n\r\nabc"},
		"no content":   {answer: "HTTP/1.1 204 No Content\r\n\r\n", keeps: true},
		"not modified": {answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", keeps: true},
		"interim":      {answer: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", keeps: true},
		"head":         {method: "HEAD", answer: "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", keeps: true},
		"says close":   {answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var opened atomic.Int64
			url := testkit.NewRawOrigin(t, func(conn *testkit.RawConn) {
				opened.Add(1)
				for {
					if _, err := conn.Request(); err != nil {
						return
					}
					if conn.Say(c.answer); !c.keeps {
						return
					}
				}
			})
			r := send(t, Load{URL: url, Method: c.method, Connections: 1, Count: 3})
			want := int64(4) // one looks whether anybody listens
			if c.keeps {
				want = 2
			}
			if r.Failed() != 0 || r.Requests != 3 || opened.Load() != want {
				t.Errorf("%d connections, want %d, and 3 answers of 3: %+v", opened.Load(), want, r)
			}
		})
	}
}

func TestErrorsAreCountedByKind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script func(*testkit.RawConn)
		want   string
	}{
		"cut":       {func(c *testkit.RawConn) { _, _ = c.Request(); c.Say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc") }, "cut"},
		"silent":    {func(c *testkit.RawConn) { _, _ = c.Request() }, "cut"},
		"malformed": {func(c *testkit.RawConn) { _, _ = c.Request(); c.Say("220 mail.example.test\r\n\r\n") }, "malformed"},
		"timeout":   {func(c *testkit.RawConn) { _, _ = c.Request(); _, _ = c.Request() }, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := send(t, Load{URL: testkit.NewRawOrigin(t, c.script), Connections: 2, Count: 4, Timeout: 50 * time.Millisecond})
			if r.Errors[c.want] != 4 || len(r.Errors) != 1 || r.Failed() != 4 || r.Examples[c.want] == "" {
				t.Errorf("errors %v, want 4 of kind %s", r.Errors, c.want)
			}
		})
	}
	t.Run("connect", func(t *testing.T) {
		t.Parallel()
		o := testkit.NewOrigin(t, "o", nil)
		var once sync.Once
		r := send(t, Load{URL: o.URL, Connections: 2, Count: 20, Each: func(Result) { once.Do(o.Stop) }})
		if r.Errors["connect"] < 10 || r.Failed() > 20 {
			t.Errorf("errors %v of 20, want most of kind connect: the server ended after the first", r.Errors)
		}
	})
	t.Run("status", func(t *testing.T) {
		t.Parallel()
		r := send(t, Load{URL: testkit.NewOrigin(t, "o", testkit.Failing).URL, Count: 7})
		if r.Statuses["5xx"] != 7 || r.Failed() != 7 {
			t.Errorf("statuses %v, want 7 of 5xx", r.Statuses)
		}
	})
}

func TestWhatCouldNotBeSentIsCounted(t *testing.T) {
	t.Parallel()
	o := testkit.NewOrigin(t, "o", testkit.Late(time.Minute))
	r := send(t, Load{URL: o.URL, Connections: 1, Rate: 100, Even: true, Duration: time.Second / 2, Timeout: time.Second / 4})
	if r.Requests+r.Unsent != 50 || r.Unsent < 40 || r.Errors["timeout"] != r.Requests {
		t.Errorf("%d sent, %d not; want 50 together, most not: %+v", r.Requests, r.Unsent, r)
	}
}

func TestTheEndOfTheContextEndsALoadAtOnce(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0, 100} {
		ctx, cancel := context.WithCancel(t.Context())
		o := testkit.NewOrigin(t, "o", func(w http.ResponseWriter, r *http.Request) {
			cancel()
			testkit.Late(time.Minute)(w, r)
		})
		begun := time.Now()
		r, err := Load{URL: o.URL, Rate: rate, Duration: time.Hour}.Run(ctx)
		if err != nil || len(r.Errors) != 0 || time.Since(begun) > testkit.Patience {
			t.Errorf("rate %v: ended after %v with %+v, %v; want at once, without errors", rate, time.Since(begun), r, err)
		}
	}
}

func TestTheWarmUpIsInNoFigure(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	const warmUp = 200 * time.Millisecond
	o := testkit.NewOrigin(t, "o", func(w http.ResponseWriter, _ *http.Request) {
		if time.Since(begun) < warmUp/2 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	begun = time.Now()
	r := send(t, Load{URL: o.URL, Connections: 2, WarmUp: warmUp, Count: 10})
	if r.Requests != 10 || r.WarmUp == 0 || r.Failed() != 0 || r.Latency.Max == 0 {
		t.Errorf("%+v, want 10 requests without a failure, and a warm-up", r)
	}
}

func TestALoadThatCannotBeSentIsAnError(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]Load{
		"scheme":  {URL: "https://127.0.0.1/", Count: 1},
		"no host": {URL: "/path", Count: 1},
		"no end":  {URL: "http://127.0.0.1/"},
		"rate":    {URL: "http://127.0.0.1/", Count: 1, Rate: -1},
		"method":  {URL: "http://127.0.0.1/", Count: 1, Method: "GET /x"},
		"header":  {URL: "http://127.0.0.1/", Count: 1, Header: http.Header{"A": {"b\r\nC: d"}}},
		"nobody":  {URL: "http://" + testkit.FreeAddress(t), Count: 1},
	} {
		if r, err := l.Run(t.Context()); err == nil {
			t.Errorf("%s: %+v, want an error", name, r)
		}
	}
}

func TestAReportSurvivesJSON(t *testing.T) {
	t.Parallel()
	want := send(t, Load{URL: testkit.NewOrigin(t, "o", nil).URL, Count: 3})
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(text, &got); err != nil || got.Latency != want.Latency || got.Requests != 3 {
		t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
	}
	var table strings.Builder
	if err := got.WriteTable(&table); err != nil || !strings.Contains(table.String(), "p99.9 ") {
		t.Errorf("table %q, %v", table.String(), err)
	}
}

func send(t *testing.T, l Load) *Report {
	t.Helper()
	r, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}
