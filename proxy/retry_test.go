package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sluice/backend"
	"sluice/metrics"
	"sluice/router"
	"sluice/selector"
)

const (
	fine   = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	broken = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nbad"
)

func retrying(attempts int) *router.Retry {
	r := &router.Retry{Attempts: attempts, Connect: true, S502: true, S503: true, S504: true, Budget: router.Budget{Share: 10000}}
	r.Methods[metrics.MethodGet], r.Methods[metrics.MethodPost] = true, true
	return r
}

func TestARequestThatFailedIsSentToAnotherEndpointAndTheFirstAttemptIsJudged(t *testing.T) {
	t.Parallel()
	silent := func(_ net.Conn, r *bufio.Reader) { head(r); head(r) }
	for name, c := range map[string]struct {
		bad    func(t *testing.T) string
		reason metrics.RetryReason
	}{
		"refused": {closedURL, metrics.RetryConnect},
		"503":     {func(t *testing.T) string { return newOrigin(t, always(broken)).url }, metrics.Retry503},
		"cut":     {func(t *testing.T) string { return newOrigin(t, func(_ net.Conn, r *bufio.Reader) { head(r) }).url }, metrics.Retry502},
		"silent":  {func(t *testing.T) string { return newOrigin(t, silent).url }, metrics.Retry504},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, benchOptions{
				backend: func(_ string, k *backend.Config) {
					k.Endpoints, k.Balancing = append(k.Endpoints, c.bad(t)), backend.RoundRobin
				},
				routed: func(r *router.Route) { r.Retry = retrying(1); r.Retry.PerTry = 300 * time.Millisecond },
			}, newOrigin(t, always(fine)).url)
			for range 6 {
				if got := b.talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
					t.Fatalf("answer %q, want that of the endpoint that works", got)
				}
			}
			got := b.totals(0, func(c metrics.Totals) bool { return c.Counts[metrics.Other].Requests == 3 })
			if got.Requests != 6 || got.Errors != 3 || got.Counts[metrics.Other].Requests != 3 || got.Retries[c.reason] != 3 {
				t.Errorf("judged %d with %d errors, %d others, retries %v; want 6, 3, 3, and 3 for %v",
					got.Requests, got.Errors, got.Counts[metrics.Other].Requests, got.Retries, c.reason)
			}
		})
	}
}

func TestABodyThatHasGoneOutInPartIsNeverSentAgain(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		_, _ = io.CopyN(io.Discard, r, 5)
		_, _ = io.WriteString(c, broken)
	})
	b := newBench(t, benchOptions{routed: func(r *router.Route) { r.Retry = retrying(3) }}, o.url)
	c, r := b.dial()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst")
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
		t.Errorf("answer %q, want the backend's own", got)
	}
	if n := o.accepted.Load(); n != 1 {
		t.Errorf("%d connections, want one attempt", n)
	}
}

func TestRetriesStopAtTheBudgetTheAttemptsAndOtherMethods(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, always(broken))
	route := retrying(2)
	route.Budget.Share = 0
	b := newBench(t, benchOptions{routed: func(r *router.Route) { r.Retry = route }}, o.url)
	b.talk("DELETE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if n := b.totals(0, func(c metrics.Totals) bool { return c.Requests == 1 }).Counts[metrics.Other].Requests; n != 0 {
		t.Errorf("a method that is not listed was sent again %d times", n)
	}
	for range 5 {
		b.talk(getOnce)
	}
	if n := b.totals(0, func(c metrics.Totals) bool { return c.Requests == 6 }).Counts[metrics.Other].Requests; n != 3 {
		t.Errorf("%d retries, want the 3 that are free", n)
	}
}

func TestARetryAtASplitStaysWithItsBackend(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchOptions{canary: 10000, routed: func(r *router.Route) { r.Retry = retrying(2) }},
		newOrigin(t, always(fine)).url, newOrigin(t, always(broken)).url)
	if got := b.talk(getOnce); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
		t.Errorf("answer %q, want the canary's", got)
	}
}

func TestStableAnswersWhatFailedOnTheCanaryAndTheFailureCounts(t *testing.T) {
	t.Parallel()
	echo := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		for {
			h := head(r)
			if h == "" {
				return
			}
			body := make([]byte, 0)
			if _, after, ok := strings.Cut(h, "Content-Length: "); ok {
				n := 0
				_, _ = fmt.Sscan(after, &n)
				body = make([]byte, n)
				_, _ = io.ReadFull(r, body)
			}
			_, backendName, _ := strings.Cut(h, "Sluice-Backend: ")
			name, _, _ := strings.Cut(backendName, "\r\n")
			answer := fmt.Sprintf("%s %d %s", name, len(body), h[:4])
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
		}
	})
	b := newBench(t, benchOptions{canary: 10000, routed: func(r *router.Route) {
		r.Rescue = &router.Rescue{To: selector.ToStable, BodyBytes: 64 << 10}
	}}, echo.url, closedURL(t))
	if got := b.talk(getOnce); !strings.HasSuffix(got, "stable 0 GET ") {
		t.Errorf("answer %q, want stable's", got)
	}
	// A body of several reads, and one that is too long to be kept.
	for length, want := range map[int]string{40 << 10: "stable 40960 PUT ", 80 << 10: ""} {
		c, r := b.dial()
		_, _ = fmt.Fprintf(c, "PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", length)
		for rest := length; rest > 0; rest -= 8 << 10 {
			if _, err := io.WriteString(c, strings.Repeat("x", 8<<10)); err != nil {
				break
			}
		}
		got, _ := io.ReadAll(r)
		if want != "" && !strings.HasSuffix(string(got), want) || want == "" && !strings.HasPrefix(string(got), "HTTP/1.1 502 ") {
			t.Errorf("a body of %d bytes: answer %q", length, got)
		}
	}
	if got := b.talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 502 ") {
		t.Errorf("a POST was answered %q, want the failure: it may have been done", got)
	}
	canary := b.totals(1, func(c metrics.Totals) bool { return c.Errors == 4 })
	if canary.Requests != 4 || canary.Errors != 4 || canary.Retries[metrics.RetryRescue] != 2 {
		t.Errorf("the canary counts %d requests, %d errors, rescues %d; want 4, 4, 2", canary.Requests, canary.Errors, canary.Retries[metrics.RetryRescue])
	}
	stable := b.totals(0, func(c metrics.Totals) bool { return c.Counts[metrics.Other].Requests == 2 })
	if stable.Requests != 0 || stable.Counts[metrics.Other].Requests != 2 {
		t.Errorf("stable is judged by %d requests, want none of those it rescued", stable.Requests)
	}
}
