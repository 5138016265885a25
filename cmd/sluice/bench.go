package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/bench/decision"
	"sluice/bench/decision/live"
)

func newBench(c console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Benchmarks that anyone can run again",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBenchDecision(c), newBenchLoad(c), newBenchPeers(c), newBenchBackends())
	return cmd
}

// decisionBench is what `bench decision` was asked for.
type decisionBench struct {
	runs, controls   int
	seed             uint64
	scenario, policy string
	format, plot     string

	http bool
	live live.Bench
}

func newBenchDecision(c console) *cobra.Command {
	var b decisionBench
	cmd := &cobra.Command{
		Use:   "decision",
		Short: "How often is a good canary rolled back, and what does a bad one cost?",
		Long: "Plays seeded, simulated rollouts against Sluice's judge and against other tools' rules, reimplemented from their documents. The same\n" +
			"seed gives the same numbers everywhere. Nothing is sent over the network, but with --http: then attempts are played with this binary,\n" +
			"loads and bad backends on loopback, and the journal says how long each took.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if b.http {
				return b.overHTTP(cmd, c)
			}
			return b.run(c)
		},
	}
	f := cmd.Flags()
	b.liveFlags(f)
	f.IntVar(&b.runs, "runs", 100, "runs of each policy in each scenario")
	f.IntVar(&b.controls, "controls", 0, "short attempts with two equal versions (scenarios A/A), for the rate of false rollbacks; 10000 take some minutes")
	f.Uint64Var(&b.seed, "seed", 1, "of the first run; each run has its own")
	f.StringVar(&b.scenario, "scenario", "", "only scenarios whose name has this in it, such as S2")
	f.StringVar(&b.policy, "policy", "", "only policies whose name has this in it, such as Sluice")
	f.StringVarP(&b.format, "output", "o", "table", "table or json")
	f.StringVar(&b.plot, "plot", "", "write the plot of the scenarios at 1000 requests a second to this file, as SVG")
	perCall(cmd, "runs", "controls", "seed", "scenario", "policy", "plot", "http", "lanes", "rate", "before", "sluice")
	return cmd
}

func (b *decisionBench) run(c console) error {
	if b.format != "table" && b.format != "json" {
		return withCode(exitUsage, "--output=%q: want table or json", b.format)
	}
	if b.runs < 1 || b.controls < 0 {
		return withCode(exitUsage, "--runs=%d, --controls=%d: want at least 1 run and no negative number", b.runs, b.controls)
	}
	report := decision.Report{Runs: b.runs, Seed: b.seed}
	b.add(c, &report, b.runs, decision.Scenarios(), decision.Makers())
	b.add(c, &report, b.controls, decision.Controls(), []decision.Maker{decision.Makers()[0], decision.Strict()})
	if len(report.Cells) == 0 {
		return withCode(exitUsage, "--scenario=%q, --policy=%q: nothing has both in its name", b.scenario, b.policy)
	}
	if b.plot != "" {
		if err := writePlot(b.plot, &report); err != nil {
			return err
		}
	}
	return b.print(c.out, &report)
}

// add runs what the names ask for.
func (b *decisionBench) add(c console, r *decision.Report, runs int, scenarios []decision.Scenario, policies []decision.Maker) {
	if runs == 0 {
		return
	}
	bench := decision.Bench{Runs: runs, Seed: b.seed, Progress: func(policy, scenario string, took time.Duration) {
		_, _ = fmt.Fprintf(c.err, "%s: %s, %s\n", policy, scenario, took.Round(time.Millisecond))
	}}
	for _, s := range scenarios {
		if strings.Contains(s.Name, b.scenario) {
			bench.Scenarios = append(bench.Scenarios, s)
		}
	}
	for _, m := range policies {
		if strings.Contains(m.Name, b.policy) {
			bench.Policies = append(bench.Policies, m)
		}
	}
	r.Add(decision.Run(&bench))
}

func (b *decisionBench) print(w io.Writer, r *decision.Report) error {
	if b.format == "json" {
		return r.WriteJSON(w)
	}
	return r.WriteTable(w)
}

func writePlot(path string, r *decision.Report) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	return r.WritePlot(f, 1000)
}
