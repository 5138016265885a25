package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"sluice/admin"
)

// allDecisions is more than a proxy keeps of one route.
const allDecisions = 1000

func newHistory(c console) *cobra.Command {
	var r *remote
	var limit int
	cmd := &cobra.Command{
		Use:   "history [ROUTE [ATTEMPT]]",
		Short: "Show what was decided and why, newest first",
		Long: "Shows what was decided and why, newest first. With -o markdown it is a report of one attempt, oldest first, to be pasted into a\n" +
			"ticket: of the newest, or of ATTEMPT.",
		Example: "  sluice history checkout -o markdown",
		Args: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > allDecisions {
				return fmt.Errorf("--limit %d is not between 1 and %d", limit, allDecisions)
			}
			return cobra.MaximumNArgs(2)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return r.history(cmd.Context(), args, limit) },
	}
	r = newRemote(c, cmd)
	cmd.Flags().Lookup("output").Value = reportFormat{&r.format}
	cmd.Flags().IntVar(&limit, "limit", 50, "at most this `number` of decisions")
	return cmd
}

// reportFormat also has markdown.
type reportFormat struct{ *format }

// Type names the values in the help.
func (f reportFormat) Type() string { return "text|json|markdown" }

// Set takes a value from the command line.
func (f reportFormat) Set(s string) error {
	if s == "markdown" {
		*f.format = markdown
		return nil
	}
	if f.format.Set(s) != nil {
		return fmt.Errorf("%q is none of text, json, markdown", s)
	}
	return nil
}

const markdown format = "markdown"

func (r *remote) history(ctx context.Context, args []string, limit int) error {
	api, route, err := r.ask(ctx, args, isDivided)
	if err != nil {
		return err
	}
	most := limit
	if len(args) > 1 || r.format == markdown {
		most = allDecisions // the attempt's may be old ones
	}
	list, err := api.Decisions(ctx, route, most)
	if err != nil {
		return err
	}
	attempt := ""
	if len(args) > 1 {
		attempt = args[1]
	} else if r.format == markdown {
		attempt = newestAttempt(list.Decisions)
	}
	if attempt != "" {
		list.Decisions = ofAttempt(list.Decisions, attempt)
	}
	if r.format == markdown {
		if len(list.Decisions) == 0 {
			return errors.New(nothingDecided(route, attempt))
		}
		now, err := api.Route(ctx, route)
		if err != nil {
			return err
		}
		return r.print(list, func(w io.Writer) { report(w, now, list.Decisions) })
	}
	list.Decisions = list.Decisions[:min(limit, len(list.Decisions))]
	if len(list.Decisions) == 0 {
		_, _ = fmt.Fprintln(r.err, nothingDecided(route, attempt))
	}
	return r.print(list, func(w io.Writer) { describeDecisions(w, list.Decisions) })
}

func nothingDecided(route, attempt string) string {
	if attempt != "" {
		return fmt.Sprintf("%s: nothing is known of an attempt %s", route, attempt)
	}
	return route + ": nothing has been decided yet"
}

// newestAttempt is the one of the newest decision that belongs to any.
func newestAttempt(all []admin.DecisionObject) string {
	for _, d := range all {
		if d.Attempt != "" {
			return d.Attempt
		}
	}
	return ""
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
		rows = append(rows, []string{
			d.At.Local().Format(time.DateTime), orDash(d.Attempt), d.Action, d.Actor,
			change(string(d.From), string(d.To)), change(d.WeightFrom.String(), d.WeightTo.String()), whole(d),
		})
	}
	table(w, "", rows)
}

// whole is a decision's sentence with the comment of who asked for it.
func whole(d admin.DecisionObject) string {
	if d.Comment != "" {
		return d.Sentence + " (" + d.Comment + ")"
	}
	return d.Sentence
}

// change is "a → b", or "a" where nothing changed.
func change(from, to string) string {
	if from == to {
		return to
	}
	return from + " → " + to
}
