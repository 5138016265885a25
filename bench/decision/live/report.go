package live

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sluice/bench/load"
)

// Report is of all scenarios.
type Report struct {
	Started time.Time `json:"started"`
	Rate    float64   `json:"rate"`
	Lanes   int       `json:"lanes"`
	// Compares says that the proxy compared the canary with stable; otherwise it had absolute limits, of 5 % errors and a p95 of 1 s.
	Compares bool   `json:"compares"`
	Cells    []Cell `json:"cells"`
}

// Cell is one scenario's.
type Cell struct {
	Scenario string         `json:"scenario"`
	Equal    bool           `json:"equal"`
	Target   float64        `json:"targetSeconds,omitempty"`
	Ended    map[string]int `json:"ended"`
	Reasons  map[string]int `json:"reasons"` // of rollbacks
	// Seconds of the attempts that ended as they should: a bad canary's rollback, an equal one's promotion.
	P10      float64       `json:"p10Seconds"`
	Median   float64       `json:"medianSeconds"`
	P90      float64       `json:"p90Seconds"`
	Requests float64       `json:"canaryRequests"` // median
	Failures float64       `json:"canaryFailures"` // median
	Late     load.Duration `json:"late"`           // median
	Attempts []Attempt     `json:"attempts"`
}

func summarize(s *Scenario, all []Attempt) Cell {
	c := Cell{Scenario: s.Name, Equal: s.Equal, Target: s.Target, Ended: map[string]int{}, Reasons: map[string]int{}, Attempts: all}
	wanted := RolledBack
	if s.Equal {
		wanted = Promoted
	}
	var seconds, requests, failures, late []float64
	for _, a := range all {
		if c.Ended[a.Ended]++; a.Ended == RolledBack {
			c.Reasons[a.Reason]++
		}
		if a.Ended == wanted {
			seconds = append(seconds, a.Seconds)
		}
		requests, failures, late = append(requests, float64(a.CanaryRequests)), append(failures, float64(a.CanaryFailures)), append(late, float64(a.Late))
	}
	c.P10, c.Median, c.P90 = quantile(seconds, 0.1), quantile(seconds, 0.5), quantile(seconds, 0.9)
	c.Requests, c.Failures, c.Late = quantile(requests, 0.5), quantile(failures, 0.5), load.Duration(quantile(late, 0.5))
	return c
}

// quantile of a list, 0 of none.
func quantile(list []float64, q float64) float64 {
	if len(list) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(list))
	return s[int(q*float64(len(s)-1)+0.5)]
}

// WriteTable writes it for people.
func (r *Report) WriteTable(w io.Writer) error {
	how := "compared with stable"
	if !r.Compares {
		how = "absolute limits: this proxy's files know no comparison"
	}
	_, _ = fmt.Fprintf(w, "%g requests/s, canary at 5 %%, %d attempts at a time; %s\n", r.Rate, r.Lanes, how)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "scenario\tattempts\trolled back\tpromoted\theld\tseconds p10\tmedian\tp90\taim\tcanary requests\tof them failed\tlate\treasons")
	for i := range r.Cells {
		c := &r.Cells[i]
		aim := "none rolled back"
		if !c.Equal {
			aim = fmt.Sprintf("≤ %g", c.Target)
		}
		var reasons []string
		for _, name := range slices.Sorted(maps.Keys(c.Reasons)) {
			reasons = append(reasons, fmt.Sprintf("%s %d", name, c.Reasons[name]))
		}
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%.2f\t%.2f\t%.2f\t%s\t%.0f\t%.0f\t%s\t%s\n", c.Scenario, len(c.Attempts),
			c.Ended[RolledBack], c.Ended[Promoted], c.Ended[Held], c.P10, c.Median, c.P90, aim, c.Requests, c.Failures, c.Late, strings.Join(reasons, ", "))
	}
	return t.Flush()
}
