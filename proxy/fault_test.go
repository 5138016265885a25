package proxy

import (
	"strings"
	"testing"
	"time"

	"sluice/metrics"
	"sluice/router"
)

func TestAnInjectedFaultIsAnsweredWithoutABackendAndJudgesNone(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, always(fine))
	b := newBench(t, benchOptions{routed: func(r *router.Route) { r.Fault = &router.Fault{AbortPercent: 10000, Status: 418} }}, o.url)
	for range 3 {
		if got := b.talk(getOnce); !strings.HasPrefix(got, "HTTP/1.1 418 ") {
			t.Errorf("answer %q, want the fault", got)
		}
	}
	if got := b.totals(0, func(c metrics.Totals) bool { return len(c.Answers) > 0 && c.Answers[0].Count == 3 }); got.Requests != 0 || o.accepted.Load() != 0 {
		t.Errorf("%d requests are judged, %d reached the backend; want none", got.Requests, o.accepted.Load())
	}
}

func TestAnInjectedDelayHitsAShareOfTheRequests(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchOptions{routed: func(r *router.Route) {
		r.Fault = &router.Fault{DelayPercent: 10000, Delay: 50 * time.Millisecond}
	}}, newOrigin(t, always(fine)).url)
	begin := time.Now()
	if got := b.talk(getOnce); !strings.HasPrefix(got, "HTTP/1.1 200 ") || time.Since(begin) < 50*time.Millisecond {
		t.Errorf("after %v: %q, want the answer, late", time.Since(begin), got)
	}
	hits := 0
	for range 10000 {
		if hit(1000) {
			hits++
		}
	}
	if hits < 800 || hits > 1200 { // 6 standard deviations
		t.Errorf("a tenth hit %d of 10000", hits)
	}
}
