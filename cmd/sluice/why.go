package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sluice/admin"
	"sluice/rollout"
)

func newWhy(c console) *cobra.Command {
	var r *remote
	cmd := &cobra.Command{
		Use:   "why [ROUTE]",
		Short: "Show the last decision in full: who, why, on which numbers",
		Args:  cobra.MaximumNArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return r.why(cmd.Context(), args) },
	}
	r = newRemote(c, cmd)
	return cmd
}

func (r *remote) why(ctx context.Context, args []string) error {
	api, route, err := r.ask(ctx, args, isDivided)
	if err != nil {
		return err
	}
	list, err := api.Decisions(ctx, route, 2)
	if err != nil {
		return err
	}
	if len(list.Decisions) == 0 {
		return errors.New(nothingDecided(route, ""))
	}
	d := newest(list.Decisions)
	return r.print(d, func(w io.Writer) { describeDecision(w, d) })
}

// newest is the last decision: that the canary's last request has ended is none, what put an end to the attempt is.
func newest(all []admin.DecisionObject) admin.DecisionObject {
	if len(all) > 1 && all[0].From == rollout.RollingBack && all[1].To == rollout.RollingBack {
		return all[1]
	}
	return all[0]
}

func describeDecision(w io.Writer, d admin.DecisionObject) {
	_, _ = fmt.Fprintf(w, "%s: %s\n", d.Route, d.Sentence)
	table(w, "  ", [][]string{
		{"at", d.At.Local().Format(time.DateTime)},
		{"action", d.Action + " by " + d.Actor},
		{"comment", orDash(d.Comment)},
		{"reason", orDash(d.Reason)},
		{"attempt", orDash(d.Attempt)},
		{"step", strconv.Itoa(d.Step)},
		{"phase", change(string(d.From), string(d.To))},
		{"weight", change(d.WeightFrom.String(), d.WeightTo.String())},
	})
	if len(d.Checks) == 0 {
		_, _ = fmt.Fprintln(w, "  no check had a part in it")
		return
	}
	table(w, "  ", fullCheckRows(d))
}

// fullCheckRows is every number of a check.
func fullCheckRows(d admin.DecisionObject) [][]string {
	rows := checkRows(d.Checks)
	rows[0] = append(rows[0], "BAD", "STABLE BAD", "HARM AT MOST", "ALLOWED", "STANDING")
	for i, c := range d.Checks {
		harm, allowed := "-", "-"
		if c.HarmUpper > 0 {
			harm = number(c.HarmUpper) + " pp"
		}
		if c.HarmLimit > 0 {
			allowed = number(c.HarmLimit) + " pp"
		}
		rows[i+1] = append(rows[i+1], strconv.FormatUint(c.Bad, 10), strconv.FormatUint(c.StableBad, 10), harm, allowed, orDash(c.Standing))
	}
	return rows
}
