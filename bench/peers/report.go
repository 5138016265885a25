package peers

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sluice/bench/load"
)

// Report is of one suite.
type Report struct {
	Suite    string        `json:"suite"`
	About    string        `json:"about"`
	Started  time.Time     `json:"started"`
	Duration load.Duration `json:"duration"` // of a round of one proxy
	Pinned   bool          `json:"pinned"`   // the proxy had a core of its own
	Peers    []Result      `json:"peers"`
	Missing  []string      `json:"missing,omitempty"`
	Ratios   []Ratio       `json:"ratios"`
}

// Result is one proxy's.
type Result struct {
	Name    string  `json:"name"`
	Version string  `json:"version,omitempty"`
	Rounds  []Round `json:"rounds"`
}

// Ratio of Sluice to another proxy, by round.
type Ratio struct {
	To string `json:"to"`
	// CPU of a request, and its 99th percentile: of the latency in a closed loop, of what the proxy adds to direct in an open one.
	CPU Spread `json:"cpu"`
	P99 Spread `json:"p99"`
}

// Spread of some rounds.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	s := slices.Sorted(slices.Values(values))
	return Spread{Median: median(s), Min: s[0], Max: s[len(s)-1]}
}

// median of sorted values.
func median[T int64 | float64](s []T) T {
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

func (r *Report) find(name string) *Result {
	i := slices.IndexFunc(r.Peers, func(p Result) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Peers[i]
}

// compare fills Ratios.
func (r *Report) compare() {
	own, direct := r.find(Sluice), r.find(Direct)
	if own == nil {
		return
	}
	for _, other := range r.Peers {
		if other.Name == Sluice || other.Name == Direct {
			continue
		}
		var cpu, p99 []float64
		for i := range min(len(own.Rounds), len(other.Rounds)) {
			a, b := &own.Rounds[i], &other.Rounds[i]
			if b.CPU > 0 {
				cpu = append(cpu, a.CPU/b.CPU)
			}
			x, y := float64(a.Report.Latency.P99), float64(b.Report.Latency.P99)
			if a.Report.Rate > 0 && direct != nil {
				base := float64(direct.Rounds[i].Report.Latency.P99)
				x, y = x-base, y-base
			}
			if x > 0 && y > 0 { // a stalled direct has made nonsense of the round
				p99 = append(p99, x/y)
			}
		}
		r.Ratios = append(r.Ratios, Ratio{To: other.Name, CPU: spreadOf(cpu), P99: spreadOf(p99)})
	}
}

// WriteTable writes it for people.
func (r *Report) WriteTable(w io.Writer) error {
	rounds := 0
	for _, p := range r.Peers {
		rounds = max(rounds, len(p.Rounds))
	}
	pinned := "the proxy on a core of its own"
	if !r.Pinned {
		pinned = "all on the same cores"
	}
	_, _ = fmt.Fprintf(w, "%s: %s; %d rounds of %s, %s\n", r.Suite, r.About, rounds, r.Duration, pinned)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "\tCPU µs/request min\tmedian\tmax\trequests/s\tp50\tp99\tp99.9\tMiB\tfailed\tcanary\t")
	for i := range r.Peers {
		r.Peers[i].row(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, q := range r.Ratios {
		_, _ = fmt.Fprintf(w, "sluice/%s: CPU %.2f (%.2f–%.2f), p99 %.2f (%.2f–%.2f)\n",
			q.To, q.CPU.Median, q.CPU.Min, q.CPU.Max, q.P99.Median, q.P99.Min, q.P99.Max)
	}
	for _, p := range r.Peers {
		if p.Version != "" {
			_, _ = fmt.Fprintf(w, "%s: %s\n", p.Name, p.Version)
		}
	}
	if len(r.Missing) > 0 {
		_, _ = fmt.Fprintf(w, "not installed and left out: %s\n", strings.Join(r.Missing, ", "))
	}
	return nil
}

func (p *Result) row(w io.Writer) {
	if len(p.Rounds) == 0 {
		return
	}
	cpu := spreadOf(each(p.Rounds, func(r *Round) float64 { return r.CPU }))
	failed := uint64(0)
	for i := range p.Rounds {
		failed += p.Rounds[i].Report.Failed()
	}
	of := func(f func(*Round) float64) float64 { return spreadOf(each(p.Rounds, f)).Median }
	latency := func(f func(*load.Latency) load.Duration) load.Duration {
		return load.Duration(median(sorted(each(p.Rounds, func(r *Round) int64 { return int64(f(&r.Report.Latency)) }))))
	}
	_, _ = fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%.0f\t%s\t%s\t%s\t%.1f\t%d\t%.2f %%\t\n", p.Name, cpu.Min, cpu.Median, cpu.Max,
		of(func(r *Round) float64 { return r.Report.Throughput }),
		latency(func(l *load.Latency) load.Duration { return l.P50 }),
		latency(func(l *load.Latency) load.Duration { return l.P99 }),
		latency(func(l *load.Latency) load.Duration { return l.P999 }),
		of(func(r *Round) float64 { return float64(r.Memory) / (1 << 20) }), failed,
		of(func(r *Round) float64 { return r.CanaryPct }))
}

func each[T any](rounds []Round, f func(*Round) T) []T {
	var out []T
	for i := range rounds {
		out = append(out, f(&rounds[i]))
	}
	return out
}

func sorted[T cmp.Ordered](s []T) []T { return slices.Sorted(slices.Values(s)) }
