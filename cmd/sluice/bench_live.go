package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"sluice/bench/decision/live"
)

// liveFlags are those of `bench decision --http`.
func (b *decisionBench) liveFlags(f *pflag.FlagSet) {
	f.BoolVar(&b.http, "http", false, "real attempts: this binary, a load and bad backends on loopback; --runs each, --controls with an equal canary")
	f.IntVar(&b.live.Lanes, "lanes", 2, "with --http: attempts at the same time")
	f.Float64Var(&b.live.Rate, "rate", 800, "with --http: requests a second, for each attempt")
	f.DurationVar(&b.live.Before, "before", 5*time.Second, "with --http: traffic to stable before an attempt")
	f.StringVar(&b.live.Binary, "sluice", "", "with --http: measure this `binary` instead of the one that runs")
}

func (b *decisionBench) overHTTP(cmd *cobra.Command, c console) error {
	for _, name := range []string{"policy", "plot", "seed"} {
		if cmd.Flags().Changed(name) {
			return withCode(exitUsage, "--%s is of simulated rollouts: leave it or --http out", name)
		}
	}
	if b.format != "table" && b.format != "json" {
		return withCode(exitUsage, "--output=%q: want table or json", b.format)
	}
	if b.runs < 0 || b.controls < 0 || b.live.Lanes < 1 || b.live.Rate <= 0 || b.live.Before < 0 {
		return withCode(exitUsage, "--runs, --controls, --before: no negative ones; --lanes, --rate: above 0")
	}
	if b.live.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find the binary that runs: %w", err)
		}
		b.live.Binary = self
	}
	for _, s := range live.Scenarios() {
		if strings.Contains(s.Name, b.scenario) {
			b.live.Scenarios = append(b.live.Scenarios, s)
		}
	}
	b.live.Runs, b.live.Controls = b.runs, b.controls
	b.live.Note = func(text string) { _, _ = fmt.Fprintln(c.err, text) }
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, unix.SIGTERM)
	defer stop()
	r, err := b.live.Run(ctx)
	switch {
	case err != nil:
		return err
	case len(r.Cells) == 0:
		return withCode(exitUsage, "--scenario=%q, --runs=%d, --controls=%d: nothing to play", b.scenario, b.runs, b.controls)
	case b.format == "json":
		return json.NewEncoder(c.out).Encode(r)
	default:
		return r.WriteTable(c.out)
	}
}
