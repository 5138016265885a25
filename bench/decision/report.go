package decision

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// Report is the result, one cell for each policy and scenario.
type Report struct {
	Runs     int          `json:"runs"`
	Seed     uint64       `json:"seed"`
	Policies []PolicyNote `json:"policies"`
	Cells    []Cell       `json:"cells"`
}

// Add takes in the cells of another report.
func (r *Report) Add(o Report) {
	r.Cells = append(r.Cells, o.Cells...)
	for _, p := range o.Policies {
		if len(o.Cells) > 0 && !slices.Contains(r.Policies, p) {
			r.Policies = append(r.Policies, p)
		}
	}
}

// PolicyNote says how a policy differs from what it is named after.
type PolicyNote struct {
	Name       string `json:"name"`
	Deviations string `json:"deviations"`
}

// Cell sums up the runs of one policy in one scenario.
type Cell struct {
	Policy     string  `json:"policy"`
	Scenario   string  `json:"scenario"`
	Rate       float64 `json:"rate"`
	Worse      bool    `json:"worse"`
	Pinned     bool    `json:"pinned"`
	Runs       int     `json:"runs"`
	RolledBack Share   `json:"rolledBack"`
	Promoted   Share   `json:"promoted"`
	// Early are rollbacks of a canary that was not worse yet.
	Early Share `json:"early"`
	// ToRollback and ToPromote are seconds; from the onset where it is late.
	ToRollback Spread `json:"toRollback"`
	ToPromote  Spread `json:"toPromote"`
	// Requests and Users the canary answered, and its excess of failures, over all runs.
	Requests Spread `json:"requests"`
	Users    Spread `json:"users"`
	Excess   Spread `json:"excess"`
	// Bound is how many canary requests any test with these margins needs, Ratio those of Sluice at rollback over it.
	Bound float64 `json:"bound,omitempty"`
	Ratio float64 `json:"ratio,omitempty"`
}

// Share is a rate with its interval (Wilson, 95 %).
type Share struct {
	Rate float64 `json:"rate"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Spread is a mean, the half width of its interval (95 %), and the 95th percentile.
type Spread struct {
	Mean  float64 `json:"mean"`
	Error float64 `json:"error"`
	P95   float64 `json:"p95"`
}

func summarize(m *Maker, s *Scenario, runs []Outcome) Cell {
	c := Cell{Policy: m.Name, Scenario: s.Name, Rate: s.Rate, Worse: s.Worse, Pinned: s.Pinned, Runs: len(runs)}
	var rollback, promote, requests, users, excess, atRollback []float64
	back, forth, early := 0, 0, 0
	for i := range runs {
		o := &runs[i]
		requests = append(requests, float64(o.Requests))
		users = append(users, float64(o.Users))
		excess = append(excess, o.Excess)
		switch {
		case o.End == Promoted:
			forth++
			promote = append(promote, o.Seconds)
		case o.End != RolledBack:
		case o.Seconds <= s.From:
			back, early = back+1, early+1
		default:
			back++
			rollback = append(rollback, o.Seconds-s.From)
			atRollback = append(atRollback, float64(o.Requests)-s.From*s.Rate*m.Steps[0])
		}
	}
	n := len(runs)
	c.RolledBack, c.Promoted, c.Early = wilson(back, n), wilson(forth, n), wilson(early, n)
	c.ToRollback, c.ToPromote = spread(rollback), spread(promote)
	c.Requests, c.Users, c.Excess = spread(requests), spread(users), spread(excess)
	if c.Bound = s.bound(m.Steps[0]); c.Bound > 0 && len(atRollback) > 0 && m.Name == "Sluice" {
		c.Ratio = spread(atRollback).Mean / c.Bound
	}
	return c
}

func wilson(k, n int) Share {
	if n == 0 {
		return Share{}
	}
	const z = 1.96
	p, m := float64(k)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Share{Rate: p, Low: max(0, mid-half), High: min(1, mid+half)}
}

func spread(v []float64) Spread {
	if len(v) == 0 {
		return Spread{}
	}
	slices.Sort(v)
	var sum, squares float64
	for _, x := range v {
		sum += x
	}
	mean := sum / float64(len(v))
	for _, x := range v {
		squares += (x - mean) * (x - mean)
	}
	s := Spread{Mean: mean, P95: v[(len(v)-1)*95/100]}
	if len(v) > 1 {
		s.Error = 1.96 * math.Sqrt(squares/float64(len(v)-1)/float64(len(v)))
	}
	return s
}

// WriteJSON writes the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	var err error
	line := func(format string, args ...any) {
		if _, e := fmt.Fprintf(t, format, args...); err == nil {
			err = e
		}
	}
	line("scenario\tpolicy\trolled back\tpromoted\trollback s (p95)\tpromote s\tcanary requests\texcess failures (p95)\t/ bound\n")
	for _, c := range r.byScenario() {
		line("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Scenario, c.Policy, c.RolledBack, c.Promoted,
			c.ToRollback.text(true), c.ToPromote.text(false), c.Requests.text(false), c.Excess.text(true), some(c.Ratio))
	}
	for _, p := range r.Policies {
		line("%s: %s.\n", p.Name, p.Deviations)
	}
	line("%d runs a cell from seed %d; in brackets: 95 %% intervals of rates, 95th percentiles of times.\n", r.Runs, r.Seed)
	if e := t.Flush(); err == nil {
		err = e
	}
	return err
}

func (r *Report) byScenario() []Cell {
	order := map[string]int{}
	for _, c := range r.Cells {
		if _, seen := order[c.Scenario]; !seen {
			order[c.Scenario] = len(order)
		}
	}
	cells := slices.Clone(r.Cells)
	slices.SortStableFunc(cells, func(a, b Cell) int { return order[a.Scenario] - order[b.Scenario] })
	return cells
}

// String is "0.24 (0.16-0.33)".
func (s Share) String() string { return fmt.Sprintf("%.3g (%.2g-%.2g)", s.Rate, s.Low, s.High) }

func (s Spread) text(p95 bool) string {
	switch {
	case s == Spread{}:
		return "-"
	case p95:
		return fmt.Sprintf("%.3g±%.2g (%.3g)", s.Mean, s.Error, s.P95)
	default:
		return fmt.Sprintf("%.4g", s.Mean)
	}
}

func some(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}
