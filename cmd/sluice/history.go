package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"sluice/admin"
)

func newHistory(c console) *cobra.Command {
	var r *remote
	var limit int
	cmd := &cobra.Command{
		Use:   "history [ROUTE [ATTEMPT]]",
		Short: "Show what was decided and why, newest first",
		Args:  cobra.MaximumNArgs(2),
		RunE:  func(cmd *cobra.Command, args []string) error { return r.history(cmd.Context(), args, limit) },
	}
	r = newRemote(c, cmd)
	cmd.Flags().IntVar(&limit, "limit", 50, "at most this `number` of decisions")
	return cmd
}

func (r *remote) history(ctx context.Context, args []string, limit int) error {
	api, err := r.client()
	if err != nil {
		return err
	}
	route, err := routeOf(ctx, api, args, isDivided)
	if err != nil {
		return err
	}
	list, err := api.Decisions(ctx, route, limit)
	if err != nil {
		return err
	}
	if len(args) > 1 {
		list.Decisions = ofAttempt(list.Decisions, args[1])
	}
	if len(list.Decisions) == 0 {
		_, _ = fmt.Fprintf(r.err, "%s: nothing has been decided yet\n", route)
	}
	return r.print(list, func(w io.Writer) { describeDecisions(w, list.Decisions) })
}

func ofAttempt(all []admin.DecisionObject, attempt string) []admin.DecisionObject {
	some := []admin.DecisionObject{}
	for _, d := range all {
		if d.Attempt == attempt {
			some = append(some, d)
		}
	}
	return some
}

func describeDecisions(w io.Writer, all []admin.DecisionObject) {
	if len(all) == 0 {
		return
	}
	rows := [][]string{{"TIME", "ATTEMPT", "ACTION", "ACTOR", "PHASE", "WEIGHT", "WHY"}}
	for _, d := range all {
		why := d.Sentence
		if d.Comment != "" {
			why += " (" + d.Comment + ")"
		}
		rows = append(rows, []string{
			d.At.Local().Format(time.DateTime), orDash(d.Attempt), d.Action, d.Actor,
			change(string(d.From), string(d.To)), change(d.WeightFrom.String(), d.WeightTo.String()), why,
		})
	}
	table(w, "", rows)
}

// change is "a → b", or "a" where nothing changed.
func change(from, to string) string {
	if from == to {
		return to
	}
	return from + " → " + to
}
