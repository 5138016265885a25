package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"sluice/admin"
	"sluice/admin/client"
	"sluice/rollout"
)

const (
	// pastEvery is how often --watch asks for the past, pastSpan how far it looks back, pastMost for how many routes.
	pastEvery = 2 * time.Second
	pastSpan  = 4 * time.Minute
	pastMost  = 4
	// sparkLeast and sparkMost are how many characters a sparkline has; with less room there is none. sidesWidth is what stands before.
	sparkLeast, sparkMost = 8, 24
	sidesWidth            = 69
)

// past is the last minutes of the routes on the screen.
type past struct {
	read   time.Time
	routes map[string]admin.SeriesObject
}

// refresh asks for the past of the first routes that have a rollout. A proxy that does not tell it shows none.
func (p *past) refresh(ctx context.Context, api *client.Client, list admin.RouteList) {
	now := time.Now()
	if now.Sub(p.read) < pastEvery {
		return
	}
	p.read, p.routes = now, map[string]admin.SeriesObject{}
	for _, r := range list.Routes {
		if r.Rollout == nil || len(p.routes) == pastMost {
			continue
		}
		if s, err := api.Series(ctx, r.Name, now.Add(-pastSpan)); err == nil {
			p.routes[r.Name] = s
		}
	}
}

// view draws routes for a terminal: like the page, in text.
type view struct {
	width  int
	colour bool
}

// Colours by what they say (ECMA-48, SGR).
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
)

func (v view) paint(how, text string) string {
	if !v.colour || how == "" || text == "" {
		return text
	}
	return "\x1b[" + how + "m" + text + "\x1b[0m"
}

// routes is a frame.
func (v view) routes(list admin.RouteList, p *past) string {
	var b strings.Builder
	for i, r := range list.Routes {
		if i > 0 {
			b.WriteString("\n")
		}
		v.route(&b, r, p.routes[r.Name])
	}
	return b.String()
}

func (v view) route(b *strings.Builder, r admin.RouteObject, s admin.SeriesObject) {
	switch {
	case len(r.Backends) == 0:
		fmt.Fprintf(b, "%s  redirects\n", v.paint(bold, r.Name))
		return
	case r.Rollout == nil:
		fmt.Fprintf(b, "%s  fixed weights\n", v.paint(bold, r.Name))
	default:
		fmt.Fprintf(b, "%s  %s  %s\n", v.paint(bold, r.Name), v.phase(r.Rollout), where(r.Rollout))
		for _, line := range wrap(whyOf(r), v.width-2) {
			fmt.Fprintf(b, "  %s\n", line)
		}
	}
	fmt.Fprintf(b, "  %s\n", v.bar(r))
	if r.Rollout != nil {
		fmt.Fprintf(b, "  %s\n", v.rail(r.Rollout))
	}
	v.sides(b, r, s)
	if r.Rollout == nil {
		return
	}
	v.checks(b, r.Rollout)
	if d := r.Rollout.LastDecision; d != nil {
		text := fmt.Sprintf("%s %s by %s: %s", d.At.Local().Format(time.TimeOnly), d.Action, d.Actor, d.Sentence)
		for i, line := range wrap(text, v.width-4) {
			fmt.Fprintf(b, "  %s\n", v.paint(faint, strings.Repeat("  ", min(i, 1))+line))
		}
	}
	if command := next(r); command != "" {
		fmt.Fprintf(b, "  %s\n", command)
	}
}

func (v view) phase(s *rollout.Status) string {
	text, how := string(s.Phase), blue
	if s.Phase == rollout.Paused && s.Reason != "" {
		text += " (" + s.Reason + ")"
	}
	switch s.Phase {
	case rollout.Succeeded:
		how = green
	case rollout.RollingBack, rollout.Failed, rollout.Aborted:
		how = red
	case rollout.Paused, rollout.Waiting:
		how = yellow
	case rollout.Idle, rollout.Superseded:
		how = faint
	}
	return v.paint(how, text)
}

func underWay(s *rollout.Status) bool {
	return s.Phase == rollout.Waiting || s.Phase == rollout.Progressing || s.Phase == rollout.Paused || s.Phase == rollout.Baking
}

func where(s *rollout.Status) string {
	if !underWay(s) {
		return ""
	}
	return fmt.Sprintf("step %d of %d, %s on %s", s.Step, s.Steps, s.Weight, canary(s.Canary))
}

// whyOf says why a route stands where it does.
func whyOf(r admin.RouteObject) string {
	s := r.Rollout
	more := ""
	if s.RequestsNeeded > 0 {
		more = "needs " + plural(s.RequestsNeeded, "more request") + " to the canary"
		if rate := recentOf(r, s.Canary.Backend).Rate; rate > 0 {
			more += ", about " + roughly((time.Duration(float64(s.RequestsNeeded)/rate) * time.Second).Round(time.Second))
		}
	}
	left := max(0, time.Duration(s.HoldNeeded)-time.Duration(s.Held)).Round(time.Second)
	switch {
	case s.StateError != "":
		return "The state can't be written: " + s.StateError
	case s.Gate != "":
		return fmt.Sprintf("Waits for an approval: %s.", s.Gate)
	case s.Phase == rollout.Paused:
		if words, ok := pauses[s.Reason]; ok {
			return words
		}
		return "Paused: " + s.Reason + "."
	case s.WaitingFor == "hold" && more != "":
		return fmt.Sprintf("Holds for another %s; %s.", left, more)
	case s.WaitingFor == "hold":
		return fmt.Sprintf("Holds for another %s.", left)
	case s.WaitingFor == "requests" && more != "":
		return strings.ToUpper(more[:1]) + more[1:] + "."
	case s.WaitingFor == "evidence" && more != "":
		return "Waits for evidence: " + more + "."
	case s.WaitingFor != "":
		return "Waits for " + s.WaitingFor + "."
	case s.Phase == rollout.Succeeded:
		return fmt.Sprintf("%s on %s is in service.", orDash(s.Stable.Version), s.Stable.Backend)
	default:
		return "Everyone is on " + orDash(s.Stable.Backend) + "."
	}
}

// pauses in words: why, and what ends them.
var pauses = map[string]string{
	rollout.ReasonUser:              "A person paused it; resume goes on from here.",
	rollout.ReasonInsufficient:      "The numbers did not become enough in time.",
	rollout.ReasonCheckFailed:       "A check failed, and a person decides.",
	rollout.ReasonCanaryUnavailable: "The canary has no healthy endpoint; it goes on by itself when one is back.",
	rollout.ReasonStableUnavailable: "Stable has no healthy endpoint; it goes on by itself when one is back.",
	rollout.ReasonStableUnhealthy:   "Stable is as bad as the canary, which is not to blame; it goes on by itself when stable is well.",
	rollout.ReasonStateLost:         "The state was lost: start begins anew, abort keeps everyone on stable.",
	rollout.ReasonStateReadOnly:     "The state can't be written; it goes on by itself when the disk takes it again.",
	rollout.ReasonRolesUnclear:      "Which version is in service is unclear: resume takes the present stable for it.",
}

// plural is "1 request", "2 requests".
func plural(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func recentOf(r admin.RouteObject, backend string) admin.Recent {
	for _, b := range r.Backends {
		if b.Name == backend {
			return b.Recent
		}
	}
	return admin.Recent{}
}

// colourOf is a backend's: stable and canary are told apart everywhere alike.
func colourOf(r admin.RouteObject, backend string) string {
	switch {
	case r.Rollout == nil:
		return ""
	case backend == r.Rollout.Stable.Backend:
		return blue
	case backend == r.Rollout.Canary.Backend:
		return yellow
	default:
		return ""
	}
}

var fills = [...]string{"█", "▒", "░"}

// bar is the split as it is configured.
func (v view) bar(r admin.RouteObject) string {
	width := min(v.width-4, 76)
	var out strings.Builder
	from, sum := 0, rollout.Weight(0)
	for i, b := range r.Backends {
		sum += b.Weight
		to := int(float64(sum) / float64(rollout.Full) * float64(width))
		if b.Weight > 0 && to == from && to < width {
			to++
		}
		out.WriteString(v.paint(colourOf(r, b.Name), strings.Repeat(fills[min(i, len(fills)-1)], max(to-from, 0))))
		from = max(from, to)
	}
	return out.String()
}

// rail is the plan: what is done, where it stands, what comes.
func (v view) rail(s *rollout.Status) string {
	var steps []string
	for i, p := range s.Plan {
		text := p.Weight.String()
		switch {
		case p.Copies:
			text = "copies"
		case p.Bake:
			text += " bake"
		}
		switch n := i + 1; {
		case s.Phase == rollout.Succeeded || underWay(s) && n < s.Step:
			text = v.paint(green, "✓ "+text)
		case underWay(s) && n == s.Step:
			text = v.paint(bold, "▶ "+text)
		default:
			text = v.paint(faint, "· "+text)
		}
		steps = append(steps, text)
	}
	return strings.Join(steps, "  ")
}

// sides puts the backends side by side, as they were in the last seconds, with sparklines where there is room.
func (v view) sides(b *strings.Builder, r admin.RouteObject, s admin.SeriesObject) {
	room := min((v.width-sidesWidth-3)/2, sparkMost)
	wide := room >= sparkLeast
	fmt.Fprintf(b, "  %s\n", v.paint(faint, strings.TrimRight(fmt.Sprintf("%-18s %6s %6s %8s %7s %8s %8s  %s",
		"", "weight", "got", "req/s", "ok", "p50", "p99", pick(wide, "errors, p99", "")), " ")))
	for _, o := range r.Backends {
		now := o.Recent
		name := o.Name
		if o.Version != "" {
			name += " " + o.Version
		}
		ok, p50, p99 := "-", "-", "-"
		if now.Requests > 0 {
			ok = fine(now) + "%"
			p50, p99 = lasted(now.Latency.P50), lasted(now.Latency.P99)
		}
		line := fmt.Sprintf("%-18s %6s %6s %8s %7s %8s %8s", cut(name, 18), o.Weight, number(tenth(now.Share))+"%", number(tenth(now.Rate)), ok, p50, p99)
		fmt.Fprintf(b, "  %s", v.paint(colourOf(r, o.Name), line))
		if wide {
			errors, slow := sparks(s, o.Name, room)
			fmt.Fprintf(b, "  %s %s", v.paint(red, errors), slow)
		}
		b.WriteString("\n")
	}
}

// fine is the share of requests without errors; with any it is below 100.
func fine(r admin.Recent) string {
	if r.Errors > 0 {
		return number(min(100-r.ErrorRate, 99.99))
	}
	return number(100 - r.ErrorRate)
}

// tenth leaves out what moves too fast to be read.
func tenth(v float64) float64 {
	if v < 1 {
		return v
	}
	return math.Round(v*10) / 10
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

func (v view) checks(b *strings.Builder, s *rollout.Status) {
	for _, c := range s.Checks {
		mark, how := "…", yellow
		switch c.Verdict {
		case "pass":
			mark, how = "✓", green
		case "fail":
			mark, how = "✗", red
		}
		limit := "no limit"
		if c.Limit > 0 {
			limit = "limit " + number(c.Limit) + unitOf(c)
		}
		text := fmt.Sprintf("canary %s, stable %s, %s, %s", canaryValue(c), stableValue(c), limit, plural(c.Samples, "request"))
		if c.EvidenceLimit > 0 {
			text += fmt.Sprintf(", evidence %s of %s", number(c.Evidence), number(evidenceLimit(c)))
		}
		if c.Sampled {
			text = sampledText(c)
		}
		name := fmt.Sprintf("%s %-14s %-12s ", mark, c.Name, c.Verdict)
		if room := v.width - 2 - len([]rune(name)); len([]rune(text)) > room { // on a line of its own
			text = "\n      " + strings.Join(wrap(text, v.width-6), "\n      ")
		}
		fmt.Fprintf(b, "  %s%s\n", v.paint(how, name), text)
	}
}

// next is the command that a person is likeliest to want.
func next(r admin.RouteObject) string {
	s := r.Rollout
	switch {
	case s.Gate != "":
		return fmt.Sprintf("to go on: sluice approve %s    to go back: sluice abort %s", r.Name, r.Name)
	case s.Phase == rollout.Paused && slices.Contains([]string{rollout.ReasonUser, rollout.ReasonInsufficient, rollout.ReasonRolesUnclear}, s.Reason):
		return fmt.Sprintf("to go on: sluice resume %s    to go back: sluice abort %s", r.Name, r.Name)
	case underWay(s):
		return "to go back: sluice abort " + r.Name
	case s.Phase == rollout.Failed || s.Phase == rollout.Aborted:
		return "to try again: sluice rollout retry " + r.Name
	default:
		return ""
	}
}

// sparks are a backend's error rate and p99 in the last minutes.
func sparks(s admin.SeriesObject, backend string, width int) (errors, slow string) {
	i := slices.IndexFunc(s.Backends, func(b admin.SeriesBackend) bool { return b.Name == backend })
	if i < 0 {
		return "", ""
	}
	b := s.Backends[i]
	rate, p99 := make([]float64, len(b.Requests)), make([]float64, len(b.Requests))
	for j := range b.Requests {
		if b.Requests[j] != nil && *b.Requests[j] > 0 {
			rate[j] = float64(*b.Errors[j]) / float64(*b.Requests[j])
		}
		if b.P99[j] != nil {
			p99[j] = float64(*b.P99[j])
		}
	}
	return spark(rate, width, 0.01), spark(p99, width, 0)
}

// spark draws values as blocks, the newest on the right; least is what the highest block stands for at least.
func spark(values []float64, width int, least float64) string {
	each := (len(values) + width - 1) / width
	if each == 0 {
		return strings.Repeat(" ", width)
	}
	var highs []float64
	for end := len(values); end > 0; end -= each {
		highs = append(highs, slices.Max(values[max(0, end-each):end]))
	}
	slices.Reverse(highs)
	top := max(slices.Max(highs), least)
	out := strings.Repeat(" ", width-len(highs))
	for _, h := range highs {
		level := 0
		if top > 0 {
			level = int(h / top * 7)
		}
		out += string([]rune("▁▂▃▄▅▆▇█")[level])
	}
	return out
}

// wrap breaks a text into lines of at most width.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > max(width, 20) {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimLeft(line+" "+word, " ")
	}
	return append(lines, line)
}

// cut is a line of at most width characters. Control sequences have no width, and after one that was cut the colour ends.
func cut(line string, width int) string {
	var out strings.Builder
	shown, painted := 0, false
	total := len([]rune(line)) - hidden(line)
	inside := false
	for _, r := range line {
		switch {
		case r == '\x1b':
			inside, painted = true, true
		case inside:
			inside = r != 'm'
		case total > width && shown == max(width-1, 0):
			out.WriteString("…")
			if painted {
				out.WriteString("\x1b[0m")
			}
			return out.String()
		default:
			shown++
		}
		out.WriteRune(r)
	}
	return out.String()
}

// hidden is how many characters of a line are control sequences.
func hidden(line string) (n int) {
	inside := false
	for _, r := range line {
		if r == '\x1b' {
			inside = true
		}
		if inside {
			n++
			inside = r != 'm'
		}
	}
	return n
}
