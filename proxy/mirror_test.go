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

// mirroring copies all requests with these methods to the canary.
func mirroring(methods ...metrics.Method) *router.Mirror {
	m := &router.Mirror{To: selector.ToCanary, Percent: 10000, BodyBytes: 1000}
	for _, k := range methods {
		m.Methods[k] = true
	}
	return m
}

// telling is a backend that tells of every request that it gets, head and body.
func telling(t *testing.T, answer string) (*origin, chan string) {
	got := make(chan string, 100)
	return newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		for {
			h := head(r)
			if h == "" {
				return
			}
			n := 0
			if _, after, ok := strings.Cut(h, "Content-Length: "); ok {
				_, _ = fmt.Sscan(after, &n)
			}
			body := make([]byte, n)
			if _, err := io.ReadFull(r, body); err != nil {
				return
			}
			for text := string(body); strings.Contains(h, "chunked") && !strings.HasSuffix(text, "0\r\n\r\n"); text = string(body) {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				body = append(body, line...)
			}
			got <- h + string(body)
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}), got
}

func receive(t *testing.T, from chan string) string {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(10 * time.Second):
		t.Fatal("no request came in 10s")
		return ""
	}
}

// results waits until so many copies to the canary have come to something.
func (b *bench) results(want int) [metrics.NumMirrorResults]uint64 {
	b.t.Helper()
	return b.totals(1, func(t metrics.Totals) bool {
		var sum uint64
		for _, n := range t.Mirrored {
			sum += n
		}
		return sum >= uint64(want)
	}).Mirrored
}

func TestACopyIsTheRequestMarkedAndUnderTheOtherBackendsName(t *testing.T) {
	t.Parallel()
	stable, original := telling(t, fine)
	canary, copied := telling(t, broken)
	b := newBench(t, benchOptions{routed: func(r *router.Route) { r.Mirror = mirroring(metrics.MethodGet, metrics.MethodPost) }}, stable.url, canary.url)
	for _, raw := range []string{
		"GET /a?b=1 HTTP/1.1\r\nHost: shop.example\r\nCookie: sid=1\r\nSluice-Mirror: no\r\nX-Request-Id: 7\r\nConnection: close\r\n\r\n",
		"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX-Request-Id: 8\r\nConnection: close\r\n\r\nabc",
		"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-Request-Id: 9\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	} {
		if got := b.talk(raw); !strings.HasPrefix(got, "HTTP/1.1 200 ") || strings.Contains(got, "bad") {
			t.Fatalf("answer %q, want stable's", got)
		}
		want := strings.Replace(receive(t, original), "Sluice-Backend: stable\r\n", "Sluice-Backend: canary\r\nSluice-Mirror: true\r\n", 1)
		if got := receive(t, copied); got != want {
			t.Errorf("the copy is\n%q, want\n%q", got, want)
		}
	}
	if got, want := b.results(3), [metrics.NumMirrorResults]uint64{metrics.MirrorFailed: 3}; got != want {
		t.Errorf("results %v, want %v", got, want)
	}
	got := b.route.Meters[1].Totals()
	if got.Requests != 0 || got.Counts[metrics.Other] != (metrics.Counts{Requests: 3, Errors: 3}) || len(got.Answers) != 0 {
		t.Errorf("the canary has %d judged requests, others %+v, answers %v; want copies as others alone", got.Requests, got.Counts[metrics.Other], got.Answers)
	}
}

func TestABodyThatComesInPiecesIsCopiedWhenItIsWhole(t *testing.T) {
	t.Parallel()
	stable, original := telling(t, fine)
	canary, copied := telling(t, fine)
	b := newBench(t, benchOptions{routed: func(r *router.Route) { r.Mirror = mirroring(metrics.MethodPost) }}, stable.url, canary.url)
	c, r := b.dial()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst")
	eventually(t, "the request is at stable", func() bool { return stable.accepted.Load() == 1 })
	if n := canary.accepted.Load(); n != 0 {
		t.Errorf("%d connections to the canary before the body was whole", n)
	}
	_, _ = io.WriteString(c, "later")
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("answer %q", got)
	}
	want := strings.Replace(receive(t, original), "Sluice-Backend: stable\r\n", "Sluice-Backend: canary\r\nSluice-Mirror: true\r\n", 1)
	if got := receive(t, copied); got != want {
		t.Errorf("the copy is\n%q, want\n%q", got, want)
	}
}

func TestABodyOverTheLimitOrCutOffIsNotCopied(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"by its length": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nConnection: close\r\n\r\n" + strings.Repeat("a", 1001),
		"in chunks":     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3e9\r\n" + strings.Repeat("a", 1001) + "\r\n0\r\n\r\n",
		"in pieces":     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n|3e9\r\n" + strings.Repeat("a", 1001) + "\r\n0\r\n\r\n",
		"cut off":       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc|!",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			canary, copied := telling(t, fine)
			stable, _ := telling(t, fine) // it answers when it has all: an early answer would end the copy, too
			b := newBench(t, benchOptions{routed: func(r *router.Route) { r.Mirror = mirroring(metrics.MethodPost) }}, stable.url, canary.url)
			c, r := b.dial()
			first, rest, more := strings.Cut(raw, "|")
			_, _ = io.WriteString(c, first)
			if more {
				eventually(t, "the request is at stable", func() bool { return stable.accepted.Load() == 1 })
			}
			if rest == "!" {
				_ = c.Close()
			} else {
				_, _ = io.WriteString(c, rest)
				if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
					t.Errorf("answer %q", got)
				}
			}
			if got, want := b.results(1), [metrics.NumMirrorResults]uint64{metrics.MirrorSkipped: 1}; got != want || len(copied) > 0 {
				t.Errorf("results %v, want %v; %d copies", got, want, len(copied))
			}
			if !b.route.Mirror.Room.Hold(8 << 20) {
				t.Error("the copy that was given up still holds memory")
			}
		})
	}
}

func TestRequestsThatGoToTheMirrorsBackendAnywayOrAreTunnelsOrOtherMethodsAreNotCopied(t *testing.T) {
	t.Parallel()
	canary, got := telling(t, fine)
	b := newBench(t, benchOptions{canary: 10000, routed: func(r *router.Route) { r.Mirror = mirroring(metrics.MethodGet) }},
		newOrigin(t, always(fine)).url, canary.url)
	b.talk(getOnce)
	receive(t, got)
	stable := newBench(t, benchOptions{routed: func(r *router.Route) { r.Mirror = mirroring(metrics.MethodGet) }},
		newOrigin(t, always(fine)).url, canary.url)
	stable.talk("DELETE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	tunnel, answer := stable.dial()
	_, _ = io.WriteString(tunnel, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	head(answer)
	stable.talk(getOnce)
	receive(t, got) // the one copy that there is
	if n := canary.accepted.Load(); n != 2 || len(got) != 0 {
		t.Errorf("%d connections to the canary and %d more requests, want 2 and 0", n, len(got))
	}
	if got, want := stable.results(1), [metrics.NumMirrorResults]uint64{metrics.MirrorAnswered: 1}; got != want {
		t.Errorf("results %v, want %v", got, want)
	}
}

func TestACopyTakesAnIdleConnectionAndGivesItBack(t *testing.T) {
	t.Parallel()
	canary, got := telling(t, fine)
	b := newBench(t, benchOptions{routed: func(r *router.Route) { r.Mirror = mirroring(metrics.MethodGet) }}, newOrigin(t, always(fine)).url, canary.url)
	for i := range 5 {
		b.talk(getOnce)
		receive(t, got)
		b.results(i + 1)
	}
	if n := canary.accepted.Load(); n != 1 {
		t.Errorf("%d connections for 5 copies, want 1", n)
	}
}

func TestAMirrorThatHangsOrIsDeadChangesNoAnswerAndFillsNothing(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	for name, url := range map[string]string{
		"hanging": newOrigin(t, func(_ net.Conn, r *bufio.Reader) { head(r); <-hold }).url,
		"dead":    closedURL(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, benchOptions{routed: func(r *router.Route) { r.Mirror = mirroring(metrics.MethodGet) }}, newOrigin(t, always(fine)).url, url)
			c, r := b.dial()
			const requests = 300
			for i := range requests {
				_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
					t.Fatalf("answer %d is %q", i, got)
				}
				_, _ = r.Discard(2)
			}
			if name == "dead" {
				if got := b.results(requests); got[metrics.MirrorFailed] == 0 || got[metrics.MirrorFailed]+got[metrics.MirrorDropped] != requests {
					t.Errorf("results %v, want failures and drops for all", got)
				}
				return
			}
			if got := b.results(requests - 128); got[metrics.MirrorDropped] != requests-128 {
				t.Errorf("results %v, want all dropped but the 128 under way", got)
			}
		})
	}
}

func TestTheEndOfTheServerIsTheEndOfItsCopies(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	at := make(chan string, 1)
	b := newBench(t, benchOptions{routed: func(r *router.Route) { r.Mirror = mirroring(metrics.MethodGet) }}, newOrigin(t, always(fine)).url,
		newOrigin(t, func(_ net.Conn, r *bufio.Reader) { at <- head(r); <-hold }).url)
	b.talk(getOnce)
	receive(t, at)
	if err := b.server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	got := b.route.Meters[1].Totals().Counts[metrics.Other]
	if got.Requests != 0 {
		t.Errorf("after the end there are copies counted: %+v", got)
	}
}

func TestCopiesLeaveHalfOfTheConnectionsToRequests(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	b := newBench(t, benchOptions{
		backend: func(_ string, c *backend.Config) { c.MaxOpen = 4 },
		routed:  func(r *router.Route) { r.Mirror = mirroring(metrics.MethodGet) },
	}, newOrigin(t, always(fine)).url, newOrigin(t, func(_ net.Conn, r *bufio.Reader) { head(r); <-hold }).url)
	for range 2 {
		before := b.route.Backends[1].Endpoints()[0].Crowded()
		b.talk(getOnce)
		eventually(t, "the copy is under way", func() bool { return before || b.route.Meters[1].Totals().Counts[metrics.Other].Requests > 0 })
	}
	eventually(t, "two copies have a connection", func() bool { return b.route.Backends[1].Endpoints()[0].Crowded() })
	b.talk(getOnce)
	if got := b.results(1); got[metrics.MirrorDropped] != 1 {
		t.Errorf("results %v, want the third dropped", got)
	}
}

func TestDrawnRequestsAndTheirCopiesAreCountedSideBySideWhileTheCanaryIsOnTrial(t *testing.T) {
	t.Parallel()
	stable, _ := telling(t, fine)
	pair := &router.Pair{Copies: metrics.New(metrics.Config{Blocks: true}), Originals: metrics.New(metrics.Config{Blocks: true})}
	b := newBench(t, benchOptions{routed: func(r *router.Route) {
		r.Mirror = mirroring(metrics.MethodGet, metrics.MethodPost)
		r.Mirror.OnTrial, r.Mirror.Pair = true, pair
	}}, stable.url, newOrigin(t, always(broken)).url)
	b.talk(getOnce)
	split := b.route.Selector.Split()
	split.Copies = true
	table := b.live.Load().WithSplits(map[string]selector.Split{"shop": split})
	b.live.Store(table)
	for range 4 {
		b.talk(getOnce)
	}
	c, r := b.dial()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst")
	eventually(t, "the request is at stable", func() bool { return b.route.Meters[0].Totals().Counts[metrics.Drawn].Unfinished == 1 })
	_, _ = io.WriteString(c, "later")
	head(r)
	b.results(5)
	eventually(t, "all are counted out", func() bool {
		return pair.Copies.Totals().Counts[metrics.Drawn].Unfinished+pair.Originals.Totals().Counts[metrics.Drawn].Unfinished == 0
	})
	want := metrics.Counts{Requests: 5}
	if got := pair.Originals.Totals().Counts[metrics.Drawn]; got != want {
		t.Errorf("originals %+v, want %+v", got, want)
	}
	want.Errors = 5
	if got := pair.Copies.Totals().Counts[metrics.Drawn]; got != want {
		t.Errorf("copies %+v, want %+v", got, want)
	}
}

func TestWhatNamesNoHostOrIsOverriddenIsNotCopied(t *testing.T) {
	t.Parallel()
	canary, got := telling(t, fine)
	b := newBench(t, benchOptions{routed: func(r *router.Route) {
		r.Mirror, r.Override = mirroring(metrics.MethodGet), signing
	}}, newOrigin(t, always(fine)).url, canary.url)
	signed := signing.Sign("shop", "stable", time.Now().Add(time.Hour))
	b.talk("GET / HTTP/1.1\r\nHost: a\r\nX-Override: " + signed + "\r\nConnection: close\r\n\r\n")
	b.talk("GET / HTTP/1.0\r\n\r\n")
	if got, want := b.results(1), [metrics.NumMirrorResults]uint64{metrics.MirrorSkipped: 1}; got != want {
		t.Errorf("results %v, want %v: the nameless one alone is counted, and skipped", got, want)
	}
	b.talk(getOnce)
	receive(t, got)
	if n := b.results(2); n[metrics.MirrorAnswered] != 1 || len(got) != 0 {
		t.Errorf("results %v and %d more copies, want the one copy of the third request", n, len(got))
	}
}
