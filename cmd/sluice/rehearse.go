package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/config"
	"sluice/demo"
	"sluice/rollout"
)

// rehearsalBudget is what the holds of all rollouts of a file may take together.
const rehearsalBudget = 40 * time.Second

func newRehearse(c console) *cobra.Command {
	var scenario, route string
	cmd := &cobra.Command{
		Use:   "rehearse FILE",
		Short: "Play a file's rollouts, sped up, on built-in backends",
		Long: "Plays the file's own rollouts against two small backends with a load, so much faster that it takes about a minute, and prints what\n" +
			"happens: whether a plan rolls back is better known before it is needed. Steps, checks and limits are the file's; matches, selection\n" +
			"rules and backends are not. The exit code is the outcome: 0 promoted, 6 rolled back, 7 not at an end within two minutes.",
		Example: "  sluice rehearse sluice.yaml --scenario errors",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := demo.ParseScenario(scenario)
			if err != nil {
				return withCode(exitUsage, "%w", err)
			}
			return rehearse(cmd.Context(), c, args[0], route, s)
		},
	}
	scenarioFlag(cmd, &scenario)
	cmd.Flags().StringVar(&route, "route", "", "only the rollout of this `route`")
	perCall(cmd, "route")
	return cmd
}

func rehearse(ctx context.Context, c console, file, only string, s demo.Scenario) error {
	cfg, found := config.Load(file)
	if found.Err() != nil {
		return refuse(c, file, found)
	}
	var routes, canaries []string
	for _, r := range cfg.Routes {
		if r.Rollout != nil && (only == "" || r.Name == only) {
			routes, canaries = append(routes, r.Name), append(canaries, r.Rollout.Canary)
		}
	}
	if len(routes) == 0 {
		return withCode(exitUsage, "%s has no rollout to rehearse%s", file, strings.TrimSuffix(" of route "+only, " of route "))
	}
	var bad []string
	for i, route := range routes {
		if i > 0 {
			_, _ = fmt.Fprintln(c.out)
		}
		out, err := rehearseRoute(ctx, c.out, file, route, canaries[i], s, rehearsalBudget/time.Duration(len(routes)))
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return withCode(exitTimeout, "%s: %w", route, err)
		case err != nil:
			return err
		case out.Rollout != rollout.Promoted:
			bad = append(bad, fmt.Sprintf("%s ended %s", route, out.Rollout))
		}
		if !out.AsExpected {
			_, _ = fmt.Fprintf(c.err, "%s: with a canary like %q one wants %s: look at the checks and their limits\n", route, s, s.Wants())
		}
	}
	if len(bad) > 0 {
		return withCode(exitRolledBack, "%s", strings.Join(bad, ", "))
	}
	return nil
}

func rehearseRoute(ctx context.Context, w io.Writer, file, route, canary string, s demo.Scenario, budget time.Duration) (demo.Outcome, error) {
	on, err := newStage(s)
	if err != nil {
		return demo.Outcome{}, err
	}
	defer on.strike()
	on.Budget = budget
	return on.play(ctx, w, s, canary, func() (*config.Config, config.Findings) {
		cfg, found := config.Load(file)
		if found.Err() != nil {
			return nil, found
		}
		i := slices.IndexFunc(cfg.Routes, func(r config.Route) bool { return r.Name == route })
		if i < 0 {
			return nil, config.Findings{{File: file, Message: fmt.Sprintf("route %q is gone", route)}}
		}
		plan := cfg.Routes[i].Rollout.InWords()
		if faster := demo.Rehearse(cfg, route, on.Stage); faster > 1 {
			plan += fmt.Sprintf("\n%s times faster: %s", number(math.Round(faster*10)/10), cfg.Routes[0].Rollout.InWords())
		}
		_, _ = fmt.Fprintf(w, "%s: %s\n\n", route, plan)
		return cfg, nil
	})
}
