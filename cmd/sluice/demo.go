package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sluice/config"
	"sluice/demo"
	"sluice/rollout"
)

func newDemo(c console) *cobra.Command {
	var scenario string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a whole rollout: two small backends, a load, the proxy",
		Long: "Starts two small backends, a load and the proxy on loopback, runs a whole rollout and prints what happens. The exit code is the\n" +
			"outcome: 0 promoted, 6 rolled back.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := demo.ParseScenario(scenario)
			if err != nil {
				return withCode(exitUsage, "%w", err)
			}
			return runDemo(cmd.Context(), c, s)
		},
	}
	scenarioFlag(cmd, &scenario)
	return cmd
}

func scenarioFlag(cmd *cobra.Command, to *string) {
	var names []string
	for _, s := range demo.Scenarios() {
		names = append(names, string(s))
	}
	cmd.Flags().StringVar(to, "scenario", "good", "how the canary behaves: "+strings.Join(names, ", "))
	perCall(cmd, "scenario")
}

func runDemo(ctx context.Context, c console, s demo.Scenario) error {
	on, err := newStage(s)
	if err != nil {
		return err
	}
	defer on.strike()
	if on.Admin, err = freeAddress(); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(c.err, "the page: http://%s/ui/\n", on.Admin)
	text := demo.Config(on.Listen, on.Admin, on.StateDir, on.Backends.StableURL, on.Backends.CanaryURL, s)
	out, err := on.play(ctx, c.out, s, "canary", func() (*config.Config, config.Findings) {
		return config.Parse("demo", []byte(text), os.LookupEnv)
	})
	if err != nil {
		return err
	}
	if out.Rollout != rollout.Promoted {
		expected := "as the scenario intends"
		if !out.AsExpected {
			expected = "which the scenario does not intend"
		}
		return withCode(exitRolledBack, "the rollout ended %s, %s", out.Rollout, expected)
	}
	return nil
}
