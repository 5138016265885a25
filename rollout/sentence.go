package rollout

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sluice/analysis"
)

// The sentences that head decisions. They say what was done, after how long, on which numbers, and what the limit is.

func (r Role) name() string { return fmt.Sprintf("%s (%s)", r.Backend, r.Version) }

func by(c *Command) string {
	if c.Actor == "" {
		return ""
	}
	return " by " + c.Actor
}

// since is when something happened: "4.8 s after the 5% step".
func (m *machine) since() string {
	age := span(time.Duration(m.Age))
	if m.unbegun() {
		return age + " after the start"
	}
	switch {
	case m.base() == Baking:
		return age + " into the bake"
	case m.plan.Rollout.onCopies(&m.State):
		return age + " into the trial on copies"
	default:
		return fmt.Sprintf("%s after the %s step", age, m.Weight)
	}
}

func (m *machine) started() string {
	if m.plan.Rollout.onCopies(&m.State) {
		return fmt.Sprintf("Started %s on %s with copies of requests, whose answers nobody gets: %s.", m.Canary.Version, m.Canary.Backend, m.needs())
	}
	return fmt.Sprintf("Started %s on %s at %s: %s.", m.Canary.Version, m.Canary.Backend, m.shown(), m.needs())
}

func (m *machine) begun(why string) string {
	if m.plan.Rollout.onCopies(&m.State) {
		return fmt.Sprintf("On to copies of requests, whose answers nobody gets: %s; %s.", why, m.needs())
	}
	return fmt.Sprintf("Advanced to %s: %s; %s.", m.shown(), why, m.needs())
}

// needs is what the present step asks for.
func (m *machine) needs() string {
	step := m.plan.Rollout.at(&m.State)
	if m.base() == Baking {
		return fmt.Sprintf("it is watched for %s", span(step.Hold))
	}
	if ab := m.plan.Rollout.AB; ab != nil {
		return fmt.Sprintf("it lasts until one of the two is proven better by %s, %s at most", ab.Metric, span(ab.MaxDuration))
	}
	return fmt.Sprintf("it needs %s, %s and passing checks", span(step.Hold), requests(max(step.MinRequests, 1)))
}

func requests(n uint64) string {
	if n == 1 {
		return "1 request"
	}
	return thousands(n) + " requests"
}

// passed is why a step is over: what has been proven for the next weight, else the numbers.
func (m *machine) passed(r *Rollout) string {
	what := "canary requests"
	if r.onCopies(&m.State) {
		what = "copies"
	}
	s := fmt.Sprintf("after %s and %s %s", span(time.Duration(m.Held)), thousands(m.Requests), what)
	next := Weight(r.next(&m.State)).String()
	for _, v := range m.Checks {
		if bound := v.Bounded(next); bound != "" && decides(v) && v.Standing == analysis.ProvenWithin {
			return s + " " + bound
		}
	}
	if c := m.clauses(); c != "" {
		s += " " + c
	}
	return s
}

func (m *machine) promoted() string {
	s := fmt.Sprintf("Promoted %s on %s to 100%%", m.Canary.Version, m.Canary.Backend)
	if m.base() != Baking {
		return s + ": the plan has no bake."
	}
	s += fmt.Sprintf(": after a bake of %s", span(time.Duration(m.Held)))
	if c := m.clauses(); c != "" {
		s += " " + c
	}
	return s + "."
}

// clauses are the numbers of all checks that decide.
func (m *machine) clauses() string {
	var parts []string
	for _, v := range m.Checks {
		if !v.DryRun && v.Samples > 0 {
			parts = append(parts, v.Numbers())
		}
	}
	return strings.Join(parts, "; ")
}

func (m *machine) worse(v Verdict) string {
	return fmt.Sprintf("Rolled back %s: %s. %s", m.since(), v.Numbers(), v.Odds())
}

// failed is "7 of 207 requests (3.4%)".
func failed(bad, n uint64, what string) string {
	rate := 0.0
	if n > 0 {
		rate = 100 * float64(bad) / float64(n)
	}
	return fmt.Sprintf("%s of %s%s (%s)", thousands(bad), thousands(n), what, percent(rate))
}

func (m *machine) tripped(on *analysis.AbortOn, e *analysis.Evidence) string {
	c, s := e.Canary.Abort, e.Stable.Abort
	return fmt.Sprintf("Rolled back %s: in the last %s the canary failed %s, stable %s; abortOn is %s.",
		m.since(), span(on.Window), failed(c.Errors, c.Requests, " requests"), failed(s.Errors, s.Requests, ""), percent(on.ErrorRate))
}

func (m *machine) unreachable(e *analysis.Evidence) string {
	return fmt.Sprintf("Rolled back %s: %s in a row found no connection to the canary while stable answered.",
		m.since(), requests(uint64(e.Canary.Unreachable)))
}

func (m *machine) unavailable() string {
	if m.Outages > maxOutages {
		return fmt.Sprintf("Rolled back %s: %s had no healthy endpoint for the %s time in this attempt.",
			m.since(), m.Canary.Backend, ordinal(m.Outages))
	}
	return fmt.Sprintf("Rolled back: %s had no healthy endpoint for %s.", m.Canary.Backend, span(time.Duration(m.Away)))
}

func ordinal(n int) string {
	if n == 3 {
		return "third"
	}
	return strconv.Itoa(n) + "th"
}

func (m *machine) drained() string {
	if m.in.InFlight > 0 {
		return fmt.Sprintf("The canary still had %s in flight after %s: they are left to end by themselves.",
			requests(uint64(m.in.InFlight)), span(time.Duration(m.Away)))
	}
	if m.Last == nil || m.Last.WeightFrom == 0 {
		return "No request of the canary is in flight."
	}
	return fmt.Sprintf("No request of the canary is in flight any more, %s after it was taken off the traffic.", span(time.Duration(m.Away)))
}

// span is a duration for reading: "0.4 s", "31 s", "15 min", "2.5 h".
func span(d time.Duration) string {
	short := func(v float64, unit string) string {
		if v < 10 {
			return strconv.FormatFloat(float64(int(v*10+0.5))/10, 'f', -1, 64) + " " + unit
		}
		return strconv.FormatFloat(v, 'f', 0, 64) + " " + unit
	}
	switch {
	case d < 2*time.Minute:
		return short(d.Seconds(), "s")
	case d < 2*time.Hour:
		return short(d.Minutes(), "min")
	default:
		return short(d.Hours(), "h")
	}
}

// percent shows one decimal, and one digit of what is smaller: "3.4%", "0.2%", "5%", "0.04%".
func percent(v float64) string {
	if v < 0.1 {
		return strconv.FormatFloat(v, 'g', 1, 64) + "%"
	}
	return strconv.FormatFloat(float64(int(v*10+0.5))/10, 'f', -1, 64) + "%"
}

func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
