package demo

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Report is what became of a load.
type Report struct {
	// Sent counts all requests, Failed those that ended in a 5xx or without a whole answer, Lost the latter alone.
	Sent, Failed, Lost uint64
	// Backends are the rows by who answered, sorted by name; "" is the proxy itself or nobody.
	Backends []BackendReport
	// FirstLoss is the error of the first request without a whole answer.
	FirstLoss error
}

// BackendReport is the part of a load that one backend answered.
type BackendReport struct {
	Backend            string
	Sent, Failed, Lost uint64
	// Status counts the answers by code.
	Status map[int]uint64
	// Quantiles of the time from due to the last byte, over whole answers; 0 without any.
	P50, P95, P99 time.Duration
}

// Of is the row of one backend; a row of zeros when it answered nothing.
func (r Report) Of(backend string) BackendReport {
	for _, b := range r.Backends {
		if b.Backend == backend {
			return b
		}
	}
	return BackendReport{Backend: backend}
}

// String is the report as a table, one line for each backend, with a newline at the end.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-12s %8s %8s %8s %8s %8s  %s\n", "answered by", "sent", "failed", "p50", "p95", "p99", "status")
	for _, row := range r.Backends {
		name := row.Backend
		if name == "" {
			name = "the proxy"
		}
		var codes []string
		for _, code := range slices.Sorted(maps.Keys(row.Status)) {
			codes = append(codes, fmt.Sprintf("%d: %d", code, row.Status[code]))
		}
		if row.Lost > 0 {
			codes = append(codes, fmt.Sprintf("lost: %d", row.Lost))
		}
		fmt.Fprintf(&b, "%-12s %8d %8d %8s %8s %8s  %s\n", name, row.Sent, row.Failed,
			milliseconds(row.P50), milliseconds(row.P95), milliseconds(row.P99), strings.Join(codes, ", "))
	}
	return b.String()
}

// tally counts results as they come.
type tally struct {
	mu    sync.Mutex
	first error
	by    map[string]*counted
}

type counted struct {
	BackendReport
	took []time.Duration // of whole answers
}

func (t *tally) add(r Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil {
		t.by = map[string]*counted{}
	}
	c := t.by[r.Backend]
	if c == nil {
		c = &counted{BackendReport: BackendReport{Backend: r.Backend, Status: map[int]uint64{}}}
		t.by[r.Backend] = c
	}
	c.Sent++
	if r.Failed() {
		c.Failed++
	}
	if r.Err != nil {
		c.Lost++
		if t.first == nil {
			t.first = r.Err
		}
		return
	}
	c.Status[r.Status]++
	c.took = append(c.took, r.Took)
}

func (t *tally) report() Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := Report{FirstLoss: t.first}
	for _, name := range slices.Sorted(maps.Keys(t.by)) {
		row := t.by[name].BackendReport
		took := slices.Sorted(slices.Values(t.by[name].took))
		row.P50, row.P95, row.P99 = quantile(took, 50), quantile(took, 95), quantile(took, 99)
		out.Backends = append(out.Backends, row)
		out.Sent += row.Sent
		out.Failed += row.Failed
		out.Lost += row.Lost
	}
	return out
}

// quantile is the nearest rank of a sorted list, 0 of an empty one.
func quantile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}

// milliseconds is a latency in at most six characters, "-" for none.
func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d <= 0:
		return "-"
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 1, 64) + "ms"
	case ms < 1000:
		return strconv.FormatFloat(ms, 'f', 0, 64) + "ms"
	default:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + "s"
	}
}
