package load

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what became of the measured requests: those that were due after the warm-up. Durations are strings in JSON, as in Go.
type Report struct {
	URL         string   `json:"url"`
	Connections int      `json:"connections"`
	Rate        float64  `json:"rate"` // asked for; 0 for a closed loop
	Elapsed     Duration `json:"elapsed"`
	WarmUp      uint64   `json:"warmUpRequests"`
	Requests    uint64   `json:"requests"` // with a whole answer or without
	Throughput  float64  `json:"throughput"`
	// Unsent were due, and no connection was free for them within a Timeout of the end.
	Unsent uint64 `json:"unsent"`
	// Statuses are answers by class, "2xx"; Errors are requests without a whole answer by kind: connect, timeout, cut, malformed.
	Statuses map[string]uint64 `json:"statuses"`
	Errors   map[string]uint64 `json:"errors"`
	// Examples is the first error of each kind.
	Examples map[string]string `json:"examples,omitempty"`
	By       map[string]uint64 `json:"by,omitempty"`
	// Latency counts from when a request was due, Service from when it was sent: in a closed loop they are the same. Timeouts are in
	// both, other errors in neither.
	Latency Latency `json:"latency"`
	Service Latency `json:"service"`
}

// Latency of answers.
type Latency struct {
	Mean Duration `json:"mean"`
	P50  Duration `json:"p50"`
	P90  Duration `json:"p90"`
	P95  Duration `json:"p95"`
	P99  Duration `json:"p99"`
	P999 Duration `json:"p99.9"`
	Max  Duration `json:"max"`
}

// Duration is a time.Duration that is a string in JSON.
type Duration time.Duration

// String is three significant digits of it.
func (d Duration) String() string {
	t := time.Duration(d)
	for unit := time.Duration(1); ; unit *= 10 {
		if r := t.Round(unit); r < 1000*unit {
			return r.String()
		}
	}
}

// MarshalJSON writes it as Go does, whole.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (d *Duration) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	v, err := time.ParseDuration(s)
	*d = Duration(v)
	return err
}

func latencyOf(h *Histogram) Latency {
	return Latency{
		Mean: Duration(h.Mean()), P50: Duration(h.Quantile(0.5)), P90: Duration(h.Quantile(0.9)), P95: Duration(h.Quantile(0.95)),
		P99: Duration(h.Quantile(0.99)), P999: Duration(h.Quantile(0.999)), Max: Duration(h.Max()),
	}
}

func (r *running) report() *Report {
	out := &Report{
		URL: r.URL, Connections: r.Connections, Rate: r.Rate,
		WarmUp: r.warm.Load(), Requests: r.done.Load(), Unsent: r.unsent.Load(),
		Statuses: map[string]uint64{}, Errors: map[string]uint64{}, By: r.by,
		Latency: latencyOf(&r.fromDue), Service: latencyOf(&r.fromSent),
	}
	for i := range r.statuses {
		if n := r.statuses[i].Load(); n > 0 {
			out.Statuses[fmt.Sprintf("%dxx", i)] = n
		}
	}
	for k, name := range kindNames {
		if n := r.kinds[k].Load(); n > 0 {
			out.Errors[name] = n
			if out.Examples == nil {
				out.Examples = map[string]string{}
			}
			out.Examples[name] = *r.examples[k].Load()
		}
	}
	if out.Requests > 0 {
		// What was begun before the end is waited for; as many were under way at the beginning, so the rate is that of the time between.
		elapsed := r.lastEnd().Sub(r.measure)
		if !r.end.IsZero() {
			elapsed = min(elapsed, r.Duration)
		}
		out.Elapsed = Duration(elapsed)
		out.Throughput = float64(out.Requests) / max(elapsed.Seconds(), 1e-9)
	}
	return out
}

// Failed is how many requests had no whole answer, one of 500 or above, or were never sent.
func (r *Report) Failed() uint64 {
	n := r.Statuses["5xx"] + r.Unsent
	for _, e := range r.Errors {
		n += e
	}
	return n
}

// WriteTable writes it for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { _, _ = fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	kind := "closed loop"
	if r.Rate > 0 {
		kind = fmt.Sprintf("%g requests/s, latency from when each was due", r.Rate)
	}
	line("load", "%s, %d connections, %s", kind, r.Connections, r.Elapsed)
	line("requests", "%d, %.0f/s", r.Requests, r.Throughput)
	line("answers", "%s", words(r.Statuses))
	if len(r.By) > 0 {
		line("by", "%s", words(r.By))
	}
	line("errors", "%s", words(r.Errors))
	for _, name := range slices.Sorted(maps.Keys(r.Examples)) {
		line("", "%s: %s", name, r.Examples[name])
	}
	if r.Unsent > 0 {
		line("never sent", "%d: every connection was busy", r.Unsent)
	}
	line("latency", "mean %s  p50 %s  p90 %s  p95 %s  p99 %s  p99.9 %s  max %s", r.Latency.each()...)
	if r.Rate > 0 {
		line("from sending", "mean %s  p50 %s  p90 %s  p95 %s  p99 %s  p99.9 %s  max %s", r.Service.each()...)
	}
	return t.Flush()
}

func (l Latency) each() []any { return []any{l.Mean, l.P50, l.P90, l.P95, l.P99, l.P999, l.Max} }

func words(counts map[string]uint64) string {
	if len(counts) == 0 {
		return "none"
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(out, ", ")
}
