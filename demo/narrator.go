package demo

import (
	"fmt"
	"strings"
	"time"

	"sluice/rollout"
)

// Reading is what the proxy says of the demonstration's route at one moment.
type Reading struct {
	Rollout        rollout.Status
	Stable, Canary Arm
	// Decisions are the latest, newest first. Without any the status's last decision is told.
	Decisions []rollout.Decision
}

// Arm is one backend: its share of the traffic, and its counts and latencies since the start, as the admin API shows them.
type Arm struct {
	Weight           rollout.Weight
	Requests, Errors uint64
	P50, P95         time.Duration
}

// narrator turns readings into lines. It is pure: it neither reads a clock nor writes.
type narrator struct {
	width  int // of a line in characters; 0 is unbounded
	colour bool

	at   time.Duration // of the last line
	last Reading
	told time.Time // when the last decision told was made
}

// columns of an arm, and what a narrow terminal goes without.
type layout struct{ waiting, p50, stable bool }

const (
	wideLine   = 102 // with everything
	middleLine = 84  // without what is waited for
	narrowLine = 68  // and without the medians
)

func (n *narrator) layout() layout {
	w := n.width
	if w == 0 {
		w = wideLine
	}
	return layout{waiting: w >= wideLine, p50: w >= middleLine, stable: w >= narrowLine}
}

// header is the two lines over the columns.
func (n *narrator) header() string {
	l := n.layout()
	over, under := strings.Repeat(" ", 11), fmt.Sprintf("%5s %5s", "time", "step")
	for _, name := range []string{"canary", "stable"} {
		if name == "stable" && !l.stable {
			continue
		}
		cells := armCells(l, "weight", "req/s", "errors", "p50", "p95")
		over += "  " + centred(name, len(cells)-2)
		under += cells
	}
	if l.waiting {
		under += "  waiting for"
	}
	return n.paint(faint, strings.TrimRight(over, " ")) + "\n" + n.paint(faint, under) + "\n"
}

// line is one line of numbers, at the time at since the start. Rates are those since the line before.
func (n *narrator) line(at time.Duration, now Reading) string {
	l, gap := n.layout(), (at - n.at).Seconds()
	out := fmt.Sprintf("%5s %5s", clock(at), fmt.Sprintf("%d/%d", now.Rollout.Step, now.Rollout.Steps))
	out += n.arm(l, now.Canary, n.last.Canary, gap, failing(now.Rollout))
	if l.stable {
		out += n.arm(l, now.Stable, n.last.Stable, gap, false)
	}
	if l.waiting {
		out += "  " + waiting(now.Rollout)
	}
	n.at, n.last = at, now
	return strings.TrimRight(out, " ") + "\n"
}

func (n *narrator) arm(l layout, now, before Arm, gap float64, alarm bool) string {
	requests, errors := now.Requests-before.Requests, now.Errors-before.Errors
	rate, share := "-", "-"
	if gap > 0 {
		rate = fmt.Sprintf("%.0f", float64(requests)/gap)
	}
	if requests > 0 {
		share = fmt.Sprintf("%.1f%%", 100*float64(errors)/float64(requests))
	}
	cells := armCells(l, now.Weight.String(), rate, share, milliseconds(now.P50), milliseconds(now.P95))
	if alarm {
		return n.paint(red, cells)
	}
	return cells
}

func armCells(l layout, weight, rate, errors, p50, p95 string) string {
	out := fmt.Sprintf("  %7s %6s %6s", weight, rate, errors)
	if l.p50 {
		out += fmt.Sprintf(" %6s", p50)
	}
	return out + fmt.Sprintf(" %6s", p95)
}

// news is the decisions that were not told yet, oldest first, each on a line of its own.
func (n *narrator) news(at time.Duration, now Reading) string {
	decisions := now.Decisions
	if last := now.Rollout.LastDecision; len(decisions) == 0 && last != nil {
		decisions = []rollout.Decision{*last}
	}
	var out string
	for _, d := range decisions {
		if !d.At.After(n.told) {
			break
		}
		out = n.sentence(fmt.Sprintf("%5s → ", clock(at)), d.Sentence, accent(d)) + out
	}
	if len(decisions) > 0 && decisions[0].At.After(n.told) {
		n.told = decisions[0].At
	}
	return out
}

// sentence is a prefix of its own width and a text, wrapped under itself where the terminal ends.
func (n *narrator) sentence(prefix, text string, how paint) string {
	indent := len([]rune(prefix))
	if n.width <= indent {
		return prefix + n.paint(how, text) + "\n"
	}
	var out string
	for i, row := range wrap(text, n.width-indent) {
		if i > 0 {
			prefix = strings.Repeat(" ", indent)
		}
		out += prefix + n.paint(how, row) + "\n"
	}
	return out
}

// wrap cuts a text at spaces into rows of at most width characters; a longer word has a row of its own.
func wrap(text string, width int) []string {
	var rows []string
	row := ""
	for word := range strings.FieldsSeq(text) {
		if row != "" && len([]rune(row))+1+len([]rune(word)) > width {
			rows, row = append(rows, row), ""
		}
		if row != "" {
			row += " "
		}
		row += word
	}
	return append(rows, row)
}

// waiting says in a few words what the rollout waits for.
func waiting(s rollout.Status) string {
	switch s.WaitingFor {
	case "":
		return ""
	case "hold":
		return fmt.Sprintf("hold %s/%s", seconds(time.Duration(s.Held)), seconds(time.Duration(s.HoldNeeded)))
	case "requests":
		return fmt.Sprintf("%d requests", s.RequestsNeeded)
	default:
		return s.WaitingFor
	}
}

func failing(s rollout.Status) bool {
	for _, v := range s.Checks {
		if v.Verdict == "fail" {
			return true
		}
	}
	return false
}

func clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func seconds(d time.Duration) string { return d.Round(time.Second).String() }

// centred is the name between dashes, width characters long.
func centred(name string, width int) string {
	left := (width - len(name) - 2) / 2
	return strings.Repeat("-", left) + " " + name + " " + strings.Repeat("-", width-left-len(name)-2)
}
