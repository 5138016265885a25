package metrics

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTotalsHoldAnswersSelectionsErrorsAndRetries(t *testing.T) {
	t.Parallel()
	m := New(Config{Shards: 4})
	for shard := range uint32(8) {
		m.Answer(MethodGet, 200, 10*time.Millisecond, shard)
		m.Selected(3, shard)
	}
	m.Answer(MethodPost, 503, time.Second, 1)
	m.Answer(NumMethods+7, 1000, 0, 1)
	m.Answer(MethodGet, -1, 0, 1)
	m.Selected(200, 0)
	m.UpstreamError(UpstreamTruncated)
	m.UpstreamError(NumUpstreamErrors)
	m.Retried(RetryStale)
	got := m.Totals()
	want := []AnswerCount{{MethodOther, 0, 1}, {MethodGet, 0, 1}, {MethodGet, 200, 8}, {MethodPost, 503, 1}}
	if d := cmp.Diff(want, got.Answers); d != "" {
		t.Errorf("answers (-want +got):\n%s", d)
	}
	if got.Latency.Count() != 11 || got.Latency.Above(500*time.Millisecond) != 1 {
		t.Errorf("latencies = %d, above 500 ms %d, want 11 and 1", got.Latency.Count(), got.Latency.Above(500*time.Millisecond))
	}
	if got.Selections != [NumReasons]uint64{3: 8} || got.Retries != [NumRetryReasons]uint64{1} {
		t.Errorf("selections, retries = %v, %v", got.Selections, got.Retries)
	}
	if got.UpstreamErrors != [NumUpstreamErrors]uint64{UpstreamTruncated: 1} {
		t.Errorf("upstream errors = %v, want one truncated", got.UpstreamErrors)
	}
}

func TestRequestsAndErrorsOfTheTotalsAreFirstAttempts(t *testing.T) {
	t.Parallel()
	m := New(Config{})
	for c := range NumCohorts {
		m.End(m.Begin(0, c, 0), Outcome{Failed: true})
		m.Begin(0, c, 0)
	}
	got := m.Totals()
	if got.Requests != 4 || got.Errors != 2 {
		t.Errorf("requests, errors = %d, %d, want 4, 2", got.Requests, got.Errors)
	}
	wantCounts(t, "cohort other", got.Counts[Other], Counts{Requests: 2, Errors: 1, Unfinished: 1})
	wantCounts(t, "window of a meter without blocks", m.Window(0, Instant(time.Hour)), Window{})
}

func TestKindsHaveTheirNames(t *testing.T) {
	t.Parallel()
	for got, want := range map[fmt.Stringer]string{
		MethodGet: "GET", MethodOther: "other", MethodTrace: "TRACE", Method(100): "method(100)",
		UpstreamConnect: "connect", UpstreamUnavailable: "unavailable", RetryStale: "stale",
		ClientBadRequest: "bad-request", ClientUnsupported: "unsupported", ClientError(200): "client-error(200)",
	} {
		if got.String() != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
	for _, names := range [][]string{methodNames[:], upstreamNames[:], retryNames[:], clientNames[:]} {
		if slices.Contains(names, "") {
			t.Errorf("names %q: one is missing", names)
		}
	}
	for m := range NumMethods {
		if got := MethodOf([]byte(m.String())); got != m {
			t.Errorf("MethodOf(%q) = %v", m, got)
		}
	}
	for _, unknown := range []string{"get", "PROPFIND", "", "GETX"} {
		if got := MethodOf([]byte(unknown)); got != MethodOther {
			t.Errorf("MethodOf(%q) = %v, want other", unknown, got)
		}
	}
}

func TestProcessCountsClientErrors(t *testing.T) {
	t.Parallel()
	var p Process
	p.ClientError(ClientAborted)
	p.ClientError(ClientAborted)
	p.ClientError(200)
	if got := p.ClientErrors(); got != [NumClientErrors]uint64{ClientAborted: 2} {
		t.Errorf("ClientErrors = %v, want two aborted", got)
	}
}

// Not parallel: other tests' memory would be counted.
func TestAnUnusedMeterIsSmall(t *testing.T) {
	const n = 20_000
	meters := make([]*Meter, n)
	heap := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := heap()
	for i := range meters {
		meters[i] = New(Config{Shards: 8, Blocks: true})
	}
	if got := (heap() - before) / n; got > 256 {
		t.Errorf("an unused meter weighs %d bytes, want at most 256", got)
	}
	runtime.KeepAlive(meters)
}

func TestCountingAllocatesNothingOnceWarm(t *testing.T) {
	m := judgedMeter()
	at := Instant(0)
	request := func() {
		at += 70 * ms // through the whole ring
		a := m.Begin(at, Drawn, 1)
		m.Selected(5, 1)
		m.End(a, Outcome{At: at.Add(time.Millisecond)})
		m.End(m.Begin(at, Pinned, 0), Outcome{At: at.Add(time.Millisecond), Unreachable: true})
		m.UpstreamError(UpstreamConnect)
		m.Answer(MethodOf([]byte("GET")), 200, time.Millisecond, 1)
	}
	if got := testing.AllocsPerRun(2000, request); got != 0 {
		t.Errorf("allocations of a request = %v, want 0", got)
	}
	var tally Tally
	read := func() {
		m.Window(at-5000*ms, at)
		tally.Read(m, at)
		m.Pending(0, at)
	}
	if got := testing.AllocsPerRun(100, read); got != 0 {
		t.Errorf("allocations of a reading = %v, want 0", got)
	}
}
