package notify

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sluice/rollout"
)

// message is a decision for people, before it takes a receiver's form.
type message struct {
	*rollout.Event
	level Severity
	title string
	// rows of the table of checks, the first is its head.
	rows  [][]string
	links []link
}

type link struct{ text, url string }

func newMessage(e *rollout.Event, level Severity, publicURL string) message {
	d := &e.Decision
	m := message{Event: e, level: level, title: fmt.Sprintf("%s: %s", d.Route, headline(d))}
	if len(d.Checks) > 0 {
		m.rows = append(m.rows, []string{"check", "verdict", "canary", "stable", "limit", "samples"})
	}
	for i := range d.Checks {
		m.rows = append(m.rows, row(&d.Checks[i]))
	}
	if publicURL == "" {
		return m
	}
	page := publicURL + "/ui/#/routes/" + url.PathEscape(d.Route) // where approve and abort stand, with what they are about
	switch {
	case m.asks():
		m.links = append(m.links, link{"Approve", page}, link{"Abort", page})
	case active(d.To):
		m.links = append(m.links, link{"Look at it or abort", page})
	default:
		m.links = append(m.links, link{"Look at it", page})
	}
	return m
}

// asks says that the attempt waits for a person's word.
func (m *message) asks() bool {
	d := &m.Decision
	return waits(d) || d.To == rollout.Paused && (d.Reason == rollout.ReasonCheckFailed || d.Reason == rollout.ReasonInsufficient)
}

func active(p rollout.Phase) bool {
	return p == rollout.Waiting || p == rollout.Progressing || p == rollout.Paused || p == rollout.Baking
}

func headline(d *rollout.Decision) string {
	switch {
	case d.Action == "start" || d.Action == "retry":
		return "started"
	case d.To == rollout.RollingBack && d.Outcome == rollout.RolledBack:
		return "rolled back"
	case d.Outcome == rollout.OutcomeAborted:
		return "aborted"
	case d.To == rollout.Paused:
		return "paused"
	case waits(d):
		return "waiting for a person"
	case d.To == rollout.Succeeded:
		return "promoted"
	default:
		return d.Action + " at " + d.WeightTo.String()
	}
}

func row(v *rollout.Verdict) []string {
	number := func(f float64) string {
		unit := map[string]string{"percent": "%", "ms": " ms"}[v.Unit]
		return strconv.FormatFloat(f, 'g', 4, 64) + unit
	}
	side := func(f float64, above bool) string {
		switch {
		case above:
			return "> " + number(f)
		case v.Unit == "ms" && f == 0:
			return "–"
		}
		return number(f)
	}
	limit := "–"
	if v.Limit != 0 {
		limit = number(v.Limit)
	}
	if v.Sampled {
		limit = v.Bound()
	}
	verdict := v.Verdict
	if v.DryRun {
		verdict += " (dry run)"
	}
	return []string{
		v.Name, verdict, side(v.Value, v.ValueAbove), side(v.StableValue, v.StableAbove), limit, fmt.Sprintf("%d / %d", v.Samples, v.StableSamples),
	}
}

// table is the rows as text of a fixed width.
func (m *message) table() string {
	if len(m.rows) == 0 {
		return ""
	}
	widths := make([]int, len(m.rows[0]))
	for _, r := range m.rows {
		for i, cell := range r {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, r := range m.rows {
		line := ""
		for i, cell := range r {
			line += cell + strings.Repeat(" ", widths[i]-len([]rune(cell))+2)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// cut keeps a text within what a receiver takes.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// body is the message in the receiver's form.
func (a *Alert) body(m *message) []byte {
	switch a.Type {
	case "slack":
		return encode(m.slack())
	case "teams":
		return encode(m.teams())
	case "discord":
		return encode(m.discord())
	case "alertmanager":
		return encode(m.alertmanager())
	default:
		return encode(m.generic())
	}
}

// generic is ours.
func (m *message) generic() any {
	type named struct {
		Text string `json:"text"`
		URL  string `json:"url"`
	}
	links := []named{}
	for _, l := range m.links {
		links = append(links, named{l.text, l.url})
	}
	return struct {
		ID       string            `json:"id"`
		Severity string            `json:"severity"`
		Route    string            `json:"route"`
		Title    string            `json:"title"`
		Sentence string            `json:"sentence"`
		At       time.Time         `json:"at"`
		Links    []named           `json:"links"`
		Decision *rollout.Decision `json:"decision"`
	}{m.ID, m.level.String(), m.Decision.Route, m.title, m.Decision.Sentence, m.Decision.At, links, &m.Decision}
}
