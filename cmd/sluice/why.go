package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sluice/admin"
	"sluice/rollout"
)

func newWhy(c console) *cobra.Command {
	var r *remote
	var o whyOptions
	cmd := &cobra.Command{
		Use:   "why [ROUTE [DECISION]]",
		Short: "Show the last decision in full: who, why, on which numbers",
		Long: "Shows the last decision in full, or the one with the number DECISION: who, why, on which numbers. --replay recomputes the evidence of\n" +
			"its checks from the blocks that the judge was given, and compares: exit 0 when all of it is equal, bit for bit, else 1.",
		Example: "  sluice why checkout --replay\n  sluice why checkout 17 --replay --state /var/lib/sluice",
		Args:    cobra.MaximumNArgs(2),
		RunE:    func(cmd *cobra.Command, args []string) error { return r.why(cmd.Context(), args, o) },
	}
	r = newRemote(c, cmd)
	cmd.Flags().BoolVar(&o.replay, "replay", false, "recompute the evidence from the block log")
	cmd.Flags().StringVar(&o.state, "state", "", "read the state `folder` instead of asking a proxy")
	perCall(cmd, "replay", "state")
	return cmd
}

// whyOptions are what is asked about a decision, and where.
type whyOptions struct {
	replay bool
	state  string
}

func (r *remote) why(ctx context.Context, args []string, o whyOptions) error {
	seq, err := numbered(args)
	if err != nil {
		return err
	}
	from, err := r.journal(ctx, args, o.state)
	if err != nil {
		return err
	}
	limit := 2
	if seq > 0 {
		limit = allDecisions
	}
	all, err := from.decisions(limit)
	if err != nil {
		return err
	}
	d, ok := chosen(all, seq)
	switch {
	case ok:
	case seq > 0:
		return fmt.Errorf("%s: nothing is known of a decision %d", from.route, seq)
	default:
		return errors.New(nothingDecided(from.route, ""))
	}
	if o.replay {
		return r.replay(from, d)
	}
	return r.print(d, func(w io.Writer) { describeDecision(w, d) })
}

// numbered is the DECISION among args, 0 when there is none.
func numbered(args []string) (uint64, error) {
	if len(args) < 2 {
		return 0, nil
	}
	seq, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil || seq == 0 {
		return 0, withCode(exitUsage, "%q is no decision's number: sluice why shows it, and seq in sluice history -o json", args[1])
	}
	return seq, nil
}

// chosen is the decision with the number, the newest of several; with 0 the last one.
func chosen(all []admin.DecisionObject, seq uint64) (d admin.DecisionObject, ok bool) {
	if len(all) == 0 || seq == 0 {
		return newest(all), len(all) > 0
	}
	i := slices.IndexFunc(all, func(d admin.DecisionObject) bool { return d.Seq == seq })
	if i < 0 {
		return d, false
	}
	return all[i], true
}

// newest is the last decision: that the canary's last request has ended is none, what put an end to the attempt is.
func newest(all []admin.DecisionObject) admin.DecisionObject {
	if len(all) == 0 {
		return admin.DecisionObject{}
	}
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
		{"decision", strconv.FormatUint(d.Seq, 10)},
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
