package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sluice/admin"
	"sluice/rollout"
)

// report is an attempt for a ticket: what became of it, the numbers that decided it, and every decision, oldest first. Its decisions come
// newest first; now is the route at present.
func report(w io.Writer, now admin.RouteObject, newestFirst []admin.DecisionObject) {
	all := slices.Clone(newestFirst)
	slices.Reverse(all)
	first, last := all[0], all[len(all)-1]
	out := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	out("# %s: attempt %s\n\n", cell(now.Name), cell(first.Attempt))
	deciding := decidingOf(all)
	out("%s\n\n", cell(deciding.Sentence))
	rows := [][]string{{"", ""}}
	if s := now.Rollout; s != nil && s.Attempt == first.Attempt {
		rows = append(rows, []string{"versions", fmt.Sprintf("canary %s on %s, stable %s on %s",
			s.Canary.Version, s.Canary.Backend, s.Stable.Version, s.Stable.Backend)})
	}
	rows = append(
		rows,
		[]string{"now", string(last.To) + " at " + last.WeightTo.String()},
		[]string{"from", first.At.UTC().Format(time.RFC3339)},
		[]string{"to", fmt.Sprintf("%s (%s)", last.At.UTC().Format(time.RFC3339), last.At.Sub(first.At).Round(time.Second))},
	)
	markdownTable(w, rows)
	if len(deciding.Checks) > 0 {
		out("\n## Checks at that decision\n\n")
		markdownTable(w, fullCheckRows(deciding))
	}
	out("\n## Decisions\n\n")
	rows = [][]string{{"time (UTC)", "action", "actor", "phase", "weight", "why"}}
	for _, d := range all {
		rows = append(rows, []string{
			d.At.UTC().Format(time.DateTime), d.Action, d.Actor, change(string(d.From), string(d.To)),
			change(d.WeightFrom.String(), d.WeightTo.String()), whole(d),
		})
	}
	markdownTable(w, rows)
}

// decidingOf is the decision that settled the attempt, or the last one while it runs.
func decidingOf(oldestFirst []admin.DecisionObject) admin.DecisionObject {
	for _, d := range slices.Backward(oldestFirst) {
		if d.To == rollout.RollingBack && d.From != rollout.RollingBack || d.To == rollout.Succeeded {
			return d
		}
	}
	return oldestFirst[len(oldestFirst)-1]
}

// markdownTable writes rows, the first being the heads.
func markdownTable(w io.Writer, rows [][]string) {
	for i, row := range rows {
		cells := make([]string, len(row))
		for j, text := range row {
			cells[j] = cell(text)
		}
		_, _ = fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			_, _ = fmt.Fprintln(w, "|"+strings.Repeat(" --- |", len(row)))
		}
	}
}

// cell is a text that can't end its cell, nor be taken for markup: comments and versions come from anywhere.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "`", "'", "\n", " ", "[", `\[`, "*", `\*`, "_", `\_`).Replace(text)
}
