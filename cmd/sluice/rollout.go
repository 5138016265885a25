package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sluice/rollout"
)

// verb is a command to a route's rollout: its name and its help, and the flags it has beside --comment.
type verb struct {
	name, help string
	flags      func(*cobra.Command, *rollout.Command)
	// shortcut: it stands directly under `sluice` too.
	shortcut bool
}

func verbs() []verb {
	return []verb{
		{name: "start", help: "Start an attempt", flags: startFlags},
		{name: "pause", help: "Stop the step's clock; judging goes on", shortcut: true},
		{name: "resume", help: "Go on after a pause", shortcut: true},
		{name: "approve", help: "Open the gate that the attempt waits at", flags: approveFlags, shortcut: true},
		{name: "promote", help: "Go to the next step now, or to 100 % with --full", flags: promoteFlags, shortcut: true},
		{name: "abort", help: "Take the canary off the traffic now", shortcut: true},
		{name: "retry", help: "Try the same version again"},
		{name: "undo", help: "Give the traffic back to the version before"},
	}
}

func newRollout(c console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollout",
		Short: "Command a rollout",
		Args: func(cmd *cobra.Command, args []string) error {
			var names []string
			for _, sub := range cmd.Commands() {
				names = append(names, sub.Name())
			}
			return fmt.Errorf("rollout needs one of %s, not %q", strings.Join(names, ", "), strings.Join(args, " "))
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args refuses all
	}
	for _, v := range verbs() {
		cmd.AddCommand(newVerb(c, v))
	}
	cmd.AddCommand(newSetWeight(c))
	return cmd
}

// newShortcuts are the verbs needed in a hurry, without `rollout` before them.
func newShortcuts(c console) (all []*cobra.Command) {
	for _, v := range verbs() {
		if v.shortcut {
			all = append(all, newVerb(c, v))
		}
	}
	return all
}

func newVerb(c console, v verb) *cobra.Command {
	var r *remote
	body := rollout.Command{Verb: v.name}
	cmd := &cobra.Command{
		Use: v.name + " [ROUTE]", Short: v.help, Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("step") {
				body.Step = nil
			}
			return r.do(cmd.Context(), args, body)
		},
	}
	r = newRemote(c, cmd)
	commonFlags(cmd, &body)
	if v.flags != nil {
		v.flags(cmd, &body)
	}
	return cmd
}

func commonFlags(cmd *cobra.Command, body *rollout.Command) {
	cmd.Flags().StringVar(&body.Comment, "comment", "", "`text` for the journal")
	perCall(cmd, "comment")
}

func startFlags(cmd *cobra.Command, body *rollout.Command) {
	cmd.Flags().StringVar(&body.Version, "version", "", "the canary's `version`, where the file does not say it")
	perCall(cmd, "version")
}

func promoteFlags(cmd *cobra.Command, body *rollout.Command) {
	cmd.Flags().BoolVar(&body.Full, "full", false, "all the rest of the way, without hold or proof")
	perCall(cmd, "full")
}

func approveFlags(cmd *cobra.Command, body *rollout.Command) {
	body.Step = new(int)
	cmd.Flags().StringVar(&body.Attempt, "attempt", "", "`id` of the attempt that is approved")
	cmd.Flags().IntVar(body.Step, "step", 0, "`number` of the step that is approved")
	cmd.Flags().StringVar(&body.Gate, "gate", "", "`name` of the gate that is opened")
	perCall(cmd, "attempt", "step", "gate")
}

func (r *remote) do(ctx context.Context, args []string, body rollout.Command) error {
	api, route, err := r.ask(ctx, args, hasRollout)
	if err != nil {
		return err
	}
	body.Actor = r.actor()
	s, err := api.Do(ctx, route, body)
	if err != nil {
		return err
	}
	return r.print(s, func(w io.Writer) { _, _ = fmt.Fprintln(w, describe(s)) })
}

func newSetWeight(c console) *cobra.Command {
	var r *remote
	body := rollout.Command{Verb: "set-weight"}
	cmd := &cobra.Command{
		Use:     "set-weight [ROUTE] BACKEND=PERCENT…",
		Short:   "Divide the traffic by hand, while no attempt is under way",
		Example: "  sluice rollout set-weight checkout stable=75 canary=25",
		Args: func(_ *cobra.Command, args []string) (err error) {
			_, body.Weights, err = weights(args)
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error { return r.setWeight(cmd.Context(), args, body) },
	}
	r = newRemote(c, cmd)
	commonFlags(cmd, &body)
	return cmd
}

func (r *remote) setWeight(ctx context.Context, args []string, body rollout.Command) error {
	api, err := r.client()
	if err != nil {
		return err
	}
	named, _, err := weights(args)
	if err != nil {
		return err
	}
	route, err := routeOf(ctx, api, named, isDivided)
	if err != nil {
		return err
	}
	body.Actor = r.actor()
	after, err := api.SetWeight(ctx, route, body)
	if err != nil {
		return err
	}
	return r.print(after, func(w io.Writer) { describeRoute(w, after) })
}

// weights reads an optional route, then BACKEND=PERCENT.
func weights(args []string) (route []string, of map[string]rollout.Weight, err error) {
	if len(args) > 0 && !strings.Contains(args[0], "=") {
		route, args = args[:1], args[1:]
	}
	if len(args) == 0 {
		return nil, nil, fmt.Errorf("set-weight needs the shares, as in stable=75 canary=25")
	}
	of = make(map[string]rollout.Weight, len(args))
	for _, arg := range args {
		backend, text, ok := strings.Cut(arg, "=")
		w, err := percent(text)
		if !ok || backend == "" || err != nil {
			return nil, nil, fmt.Errorf("%q is not BACKEND=PERCENT, as in canary=25 or canary=0.5%% (at most two decimals)", arg)
		}
		if _, twice := of[backend]; twice {
			return nil, nil, fmt.Errorf("backend %q is named twice", backend)
		}
		of[backend] = w
	}
	return route, of, nil
}

// percent reads 25, 25% or 0.5%. A bare number between 0 and 1 may be meant as a fraction, so it is refused.
func percent(text string) (rollout.Weight, error) {
	digits, signed := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	points := math.Round(v * 100)
	if err != nil || !(v >= 0 && v <= 100) || math.Abs(v*100-points) > 1e-6 || v > 0 && v < 1 && !signed {
		return 0, fmt.Errorf("%q is not a percentage", text)
	}
	return rollout.Weight(points), nil
}
