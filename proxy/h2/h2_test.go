package h2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"sluice/internal/testkit"
	"sluice/metrics"
)

// echo tells what it was asked, with a trailer.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	w.Header()["Date"], w.Header()["Content-Type"] = nil, nil
	w.Header().Set("Trailer", "X-End")
	_, _ = fmt.Fprintf(w, "%s %s host=%s n=%d %v trailer=%s via=%s", r.Method, r.RequestURI, r.Host, n, err, r.Trailer.Get("X-Sum"), r.Header.Get("X-Forwarded-Proto"))
	w.(http.Flusher).Flush()
	w.Header().Set("X-End", "whole")
})

func TestARequestOfHTTP2ReachesEveryKindOfBackendWhole(t *testing.T) {
	t.Parallel()
	for kind, url := range origins(t, echo) {
		for _, secure := range []bool{false, true} {
			b := newBench(t, options{tls: secure}, url)
			for _, size := range []int{0, 1, 16384, 1 << 20} {
				for _, known := range []bool{true, false} {
					t.Run(fmt.Sprint(kind, secure, size, known), func(t *testing.T) {
						t.Parallel()
						body := io.Reader(strings.NewReader(strings.Repeat("x", size)))
						if !known {
							body = io.MultiReader(body)
						}
						req, err := http.NewRequest("POST", b.url("/a%2fb//c;d?x=%20"), body)
						if err != nil {
							t.Fatal(err)
						}
						sum := ""
						if !known {
							req.Trailer = http.Header{"X-Sum": {"s"}}
							sum = "s"
						}
						resp, err := b.client.Do(req)
						if err != nil {
							t.Fatal(err)
						}
						defer resp.Body.Close()
						got, err := io.ReadAll(resp.Body)
						proto := "http"
						if secure {
							proto = "https"
						}
						want := fmt.Sprintf("POST /a%%2fb//c;d?x=%%20 host=%s n=%d <nil> trailer=%s via=%s", b.address, size, sum, proto)
						if string(got) != want || err != nil {
							t.Errorf("the answer is %q, %v; want %q", got, err, want)
						}
						if resp.Trailer.Get("X-End") != "whole" || resp.ProtoMajor != 2 || resp.Header.Get("Date")+resp.Header.Get("Content-Type") != "" {
							t.Errorf("trailers %v in %s, head %v; want X-End, HTTP/2 and nothing invented", resp.Trailer, resp.Proto, resp.Header)
						}
					})
				}
			}
		}
	}
}

func TestWhatIsTheProxysCannotBeSaidByAClient(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 8)
	for _, url := range origins(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header })) {
		b := newBench(t, options{}, url)
		req, err := http.NewRequest("GET", b.url("/"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{
			"X-Forwarded-For": "1.2.3.4", "X_Forwarded_For": "1.2.3.4", "X-Forwarded-Proto": "gopher", "Forwarded": "for=1.2.3.4",
			"Sluice-Backend": "canary", "X-Kept": "yes", "Te": "trailers", "Cookie": "a=b; c=d",
		} {
			req.Header.Set(name, value)
		}
		resp, err := b.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		h := <-got
		for name, want := range map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X_forwarded_for": "", "X-Forwarded-Proto": "http", "Forwarded": "", "Sluice-Backend": "stable",
			"X-Kept": "yes", "Te": "", "Cookie": "a=b; c=d",
		} {
			if v := h.Get(name); v != want {
				t.Errorf("the backend gets %s %q, want %q", name, v, want)
			}
		}
	}
}

func TestAnAnswerThatBreaksOffIsReset(t *testing.T) {
	t.Parallel()
	for kind, url := range origins(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})) {
		b := newBench(t, options{}, url)
		resp, err := b.client.Get(b.url("/"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(got) != "half" || err == nil {
			t.Errorf("%s: %q, %v; want half and an error", kind, got, err)
		}
		testkit.Until(t, testkit.Patience, "the failure to be counted", func() (bool, any) {
			a := b.meter.Totals().Counts[metrics.Drawn]
			return a.Errors == 1, a
		})
	}
}

func TestInterimAnswersArePassedOn(t *testing.T) {
	t.Parallel()
	for kind, url := range origins(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.WriteHeader(http.StatusNoContent)
	})) {
		b := newBench(t, options{}, url)
		var codes []int
		var link string
		ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			codes = append(codes, code)
			link = h.Get("Link")
			return nil
		}})
		req, err := http.NewRequestWithContext(ctx, "GET", b.url("/"), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := b.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if fmt.Sprint(codes) != "[103]" || link != "</a.css>" || resp.StatusCode != 204 || resp.Header.Get("Link") != "" {
			t.Errorf("%s: interim %v with %q, then %d with %q; want 103 with the link, then 204 without", kind, codes, link, resp.StatusCode, resp.Header.Get("Link"))
		}
	}
}

func TestARequestThatIsGivenUpEndsAtTheBackend(t *testing.T) {
	t.Parallel()
	arrived, ended := make(chan string, 4), make(chan string, 4)
	for kind, url := range origins(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		if r.URL.Path == "/begun" {
			w.(http.Flusher).Flush()
		}
		arrived <- r.URL.Path
		<-r.Context().Done()
		ended <- r.URL.Path
	})) {
		b := newBench(t, options{}, url)
		for _, path := range []string{"/silent", "/begun"} {
			ctx, cancel := context.WithCancel(context.Background())
			req, err := http.NewRequestWithContext(ctx, "GET", b.url(path), nil)
			if err != nil {
				t.Fatal(err)
			}
			failed := make(chan error, 1)
			go func() {
				resp, err := b.client.Do(req)
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
				}
				failed <- err
			}()
			select {
			case <-arrived:
			case <-time.After(testkit.Patience):
				t.Fatalf("%s: %s never came to the backend", kind, path)
			}
			cancel()
			if err := <-failed; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", kind, err)
			}
			select {
			case got := <-ended:
				if got != path {
					t.Errorf("%s: %s ended, want %s", kind, got, path)
				}
			case <-time.After(testkit.Patience):
				t.Fatalf("%s: %s never ended at the backend", kind, path)
			}
		}
		testkit.Until(t, testkit.Patience, "both to be taken back", func() (bool, any) {
			a := b.meter.Totals().Counts[metrics.Drawn]
			return a.Requests == 0 && a.Errors == 0 && b.server.Process.ClientErrors()[metrics.ClientAborted] == 2, a
		})
	}
}

func TestLimitsAreThoseOfHTTP1(t *testing.T) {
	t.Parallel()
	o := options{}
	o.front.Limits.HeaderCount, o.front.Limits.BodyBytes, o.front.Limits.HeaderTimeout = 10, 10, time.Minute
	b := newBench(t, o, origins(t, echo)["h1"])
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"fields": {func(r *http.Request) { r.Header["X-A"] = make([]string, 20) }, 431},
		"a long body": {func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", 11))), 11
		}, 413},
		"TRACE":      {func(r *http.Request) { r.Method = "TRACE" }, 405},
		"a bad host": {func(r *http.Request) { r.Host = "a,b" }, 400},
	} {
		req, err := http.NewRequest("POST", b.url("/"), nil)
		if err != nil {
			t.Fatal(err)
		}
		c.change(req)
		resp, err := b.client.Do(req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.want)
		}
	}
}

func TestABackendThatResetsStreamsIsToBlame(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{}, origins(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			panic(http.ErrAbortHandler)
		}
	}))["h2c"])
	for _, path := range []string{"/", "/bad", "/", "/bad"} { // on one connection, which has carried requests before
		resp, err := b.client.Post(b.url(path), "text/plain", nil) // which is never sent again
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if want := map[string]int{"/": 200, "/bad": 502}[path]; resp.StatusCode != want {
			t.Errorf("%s gets %d, want %d", path, resp.StatusCode, want)
		}
	}
	testkit.Until(t, testkit.Patience, "two errors of four", func() (bool, any) {
		c := b.meter.Totals().Counts[metrics.Drawn]
		return c.Requests == 4 && c.Errors == 2, c
	})
}
