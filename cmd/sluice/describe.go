package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/admin"
	"sluice/rollout"
)

// describe is a rollout's state in one line.
func describe(s rollout.Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", s.Route, s.Phase)
	if s.Strategy != "" {
		fmt.Fprintf(&b, " of %s", s.Strategy)
	}
	if s.Reason != "" {
		fmt.Fprintf(&b, " (%s)", s.Reason)
	}
	if s.Step > 0 {
		fmt.Fprintf(&b, ", step %d of %d", s.Step, s.Steps)
	}
	switch {
	case s.Attempt == "":
	case s.Phase == rollout.Succeeded:
		fmt.Fprintf(&b, ", %s on %s is in service", orDash(s.Stable.Version), s.Stable.Backend)
	case s.Step > 0 && s.Step <= len(s.Plan) && s.Plan[s.Step-1].Copies:
		fmt.Fprintf(&b, ", %s on copies", canary(s.Canary))
	default:
		fmt.Fprintf(&b, ", %s at %s", canary(s.Canary), s.Weight)
	}
	switch s.WaitingFor {
	case "":
	case "hold":
		fmt.Fprintf(&b, ", waiting for hold: %s of %s", time.Duration(s.Held).Round(time.Second), time.Duration(s.HoldNeeded))
	case "requests", "evidence":
		fmt.Fprintf(&b, ", waiting for %s", s.WaitingFor)
		if s.RequestsNeeded > 0 {
			fmt.Fprintf(&b, ": about %d requests more", s.RequestsNeeded)
		}
		if s.TimeNeeded > 0 {
			fmt.Fprintf(&b, ", some %s", roughly(time.Duration(s.TimeNeeded)))
		}
	default:
		fmt.Fprintf(&b, ", waiting for %s", s.WaitingFor)
	}
	if s.StateError != "" {
		restart := "goes back to what was saved last"
		if s.StateHeld {
			restart = "goes on from here: it is in the reserve"
		}
		fmt.Fprintf(&b, ", NOT SAVED (weights don't rise, a restart %s): %s", restart, s.StateError)
	}
	return b.String()
}

// canary names who is on trial, each word once: "canary 1.42.0", "canary green 1.42.0".
func canary(r rollout.Role) string {
	text := "canary"
	for _, word := range []string{r.Backend, r.Version} {
		if word != "" && word != "canary" {
			text += " " + word
		}
	}
	return text
}

// describeRoute writes a route's state, its backends, its checks and the last decision.
func describeRoute(w io.Writer, r admin.RouteObject) {
	switch {
	case len(r.Backends) == 0:
		_, _ = fmt.Fprintf(w, "%s: redirects\n", r.Name)
		return
	case r.Rollout == nil:
		_, _ = fmt.Fprintf(w, "%s: no rollout\n", r.Name)
	default:
		_, _ = fmt.Fprintln(w, fold(describe(*r.Rollout), ", ", "  "))
	}
	table(w, "  ", backendRows(r))
	if r.Rollout == nil {
		return
	}
	if a := r.Rollout.ABTest; a != nil {
		_, _ = fmt.Fprintln(w, fold("  "+describeTest(a), ", ", "    "))
	}
	if len(r.Rollout.Checks) > 0 {
		table(w, "  ", checkRows(r.Rollout.Checks))
	}
	if d := r.Rollout.LastDecision; d != nil {
		last := fmt.Sprintf("  last: %s  %s by %s: %s", d.At.Local().Format(time.DateTime), d.Action, d.Actor, d.Sentence)
		_, _ = fmt.Fprintln(w, fold(last, " ", "    "))
	}
}

// lineWidth is what a terminal shows at least.
const lineWidth = 80

// fold breaks a line between its parts where it is too long; what can't be broken stays long.
func fold(line, between, indent string) string {
	var b strings.Builder
	width := 0
	for i, part := range strings.SplitAfter(line, between) {
		if n := utf8.RuneCountInString(strings.TrimRight(part, " ")); i > 0 && width > len(indent) && width+n > lineWidth {
			folded := strings.TrimRight(b.String(), " ")
			b.Reset()
			b.WriteString(folded + "\n" + indent)
			width = len(indent)
		}
		b.WriteString(part)
		width += utf8.RuneCountInString(part)
	}
	return b.String()
}

func backendRows(r admin.RouteObject) [][]string {
	rows := [][]string{{"BACKEND", "VERSION", "WEIGHT", "UP", "REQUESTS", "ERRORS", "MEAN", "P50", "P95", "P99"}}
	for _, b := range r.Backends {
		up := 0
		for _, e := range b.Endpoints {
			if e.Healthy {
				up++
			}
		}
		rows = append(rows, []string{
			b.Name, orDash(b.Version), b.Weight.String(), fmt.Sprintf("%d/%d", up, len(b.Endpoints)),
			strconv.FormatUint(b.Requests, 10), number(b.ErrorRate) + "%",
			lasted(b.Latency.Mean), lasted(b.Latency.P50), lasted(b.Latency.P95), lasted(b.Latency.P99),
		})
	}
	return rows
}

func checkRows(checks []rollout.Verdict) [][]string {
	rows := [][]string{{"CHECK", "VERDICT", "CANARY", "STABLE", "LIMIT", "SAMPLES", "STABLE SAMPLES", "EVIDENCE", "OF"}}
	for _, c := range checks {
		verdict := c.Verdict
		if c.DryRun {
			verdict += " (dry run)"
		}
		if c.Reason != "" {
			verdict += " (" + c.Reason + ")"
		}
		limit := "-"
		if c.Limit > 0 {
			limit = number(c.Limit) + unitOf(c)
		}
		if c.Sampled {
			rows = append(rows, sampledRow(c, verdict))
			continue
		}
		rows = append(rows, []string{
			c.Name, verdict, canaryValue(c), stableValue(c), limit,
			strconv.FormatUint(c.Samples, 10), strconv.FormatUint(c.StableSamples, 10), number(c.Evidence), number(evidenceLimit(c)),
		})
	}
	return rows
}

// lasted is a latency, or a dash before the first answer.
func lasted(d rollout.Duration) string {
	if d == 0 {
		return "-"
	}
	return time.Duration(d).String()
}

// value of a check on one side.
type value struct {
	is, low, high float64
	above         bool // only a lower bound is known
	samples, late uint64
}

func canaryValue(c rollout.Verdict) string {
	return value{c.Value, c.Low, c.High, c.ValueAbove, c.Samples, c.Late}.in(c)
}

func stableValue(c rollout.Verdict) string {
	return value{c.StableValue, c.StableLow, c.StableHigh, c.StableAbove, c.StableSamples, c.StableLate}.in(c)
}

// in is the value with its unit, where it may be (95 %), and how much of it has no answer yet; a dash where nothing was measured.
func (v value) in(c rollout.Verdict) string {
	ms := c.Unit == "ms"
	if v.samples == 0 || ms && v.is == 0 && !v.above {
		return "-"
	}
	text := number(v.is) + unitOf(c)
	if v.above {
		text = ">" + text
	}
	switch {
	case v.high > 0:
		text += fmt.Sprintf(" (%s–%s)", number(v.low), number(v.high))
	case v.low > 0:
		text += fmt.Sprintf(" (from %s)", number(v.low))
	}
	if v.late > 0 && !ms {
		text += fmt.Sprintf(", %d late", v.late)
	}
	return text
}

func unitOf(c rollout.Verdict) string {
	if c.Unit == "percent" {
		return "%"
	}
	return c.Unit
}

// evidenceLimit is the whole part of the limit, which may have been reckoned a hair below it.
func evidenceLimit(c rollout.Verdict) float64 { return math.Floor(c.EvidenceLimit * (1 + 1e-9)) }

// roughly is an estimated time: without seconds from ten minutes on.
func roughly(d time.Duration) string {
	if d < 10*time.Minute {
		return d.String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// number is a measured value with at most two decimals, or three digits where it is small.
func number(v float64) string {
	if v != 0 && v > -0.1 && v < 0.1 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
}
