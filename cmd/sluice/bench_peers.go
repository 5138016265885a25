package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"sluice/bench/peers"
)

// peersBench is what `bench peers` was asked for.
type peersBench struct {
	peers.Bench
	format string
}

func newBenchPeers(c console) *cobra.Command {
	var b peersBench
	var names []string
	for _, s := range peers.Suites() {
		names = append(names, s.Name)
	}
	cmd := &cobra.Command{
		Use:   "peers [SUITE…]",
		Short: "What does a request cost, here and in other proxies?",
		Long: "Starts two backends and, one after the other and again and again, Sluice and the proxies that are installed (nginx, haproxy), all on\n" +
			"loopback, sends each the same load, and prints processor time per request, latencies, and the ratios within each round. Needs Linux\n" +
			"and, to be of worth, two cores with little else to do. Suites: " + strings.Join(names, ", ") + "; all when none is named.",
		Args:      cobra.OnlyValidArgs,
		ValidArgs: names,
		RunE:      func(cmd *cobra.Command, args []string) error { return b.run(cmd.Context(), c, args) },
	}
	f := cmd.Flags()
	f.StringSliceVar(&b.Peers, "peers", peers.Names(), "what to measure")
	f.IntVar(&b.Rounds, "rounds", 5, "rounds; each has every proxy once")
	f.DurationVar(&b.Duration, "duration", 3*time.Second, "of the load, for each proxy in each round")
	f.DurationVar(&b.WarmUp, "warm-up", time.Second, "before that")
	f.StringVar(&b.Sluice, "sluice", "", "measure this `binary` instead of the one that runs")
	f.StringVarP(&b.format, "output", "o", "table", "table or json")
	perCall(cmd, "peers", "rounds", "duration", "warm-up", "sluice")
	return cmd
}

func (b *peersBench) run(ctx context.Context, c console, suites []string) error {
	if b.format != "table" && b.format != "json" {
		return withCode(exitUsage, "--output=%q: want table or json", b.format)
	}
	for _, name := range b.Peers {
		if !slices.Contains(peers.Names(), name) {
			return withCode(exitUsage, "--peers=%q: want some of %s", name, strings.Join(peers.Names(), ", "))
		}
	}
	if b.Rounds < 1 || b.Duration <= 0 || b.WarmUp < 0 {
		return withCode(exitUsage, "--rounds=%d, --duration=%v, --warm-up=%v: want at least a round, and some time", b.Rounds, b.Duration, b.WarmUp)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the binary that runs: %w", err)
	}
	if b.Self = self; b.Sluice == "" {
		b.Sluice = self
	}
	b.Note = func(text string) { _, _ = fmt.Fprintln(c.err, text) }
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
	defer stop()
	for _, s := range peers.Suites() {
		if len(suites) > 0 && !slices.Contains(suites, s.Name) {
			continue
		}
		b.Suite = s
		r, err := b.Bench.Run(ctx)
		if err != nil {
			return err
		}
		if err := b.print(c, r); err != nil {
			return err
		}
	}
	return nil
}

// print writes a suite's report as soon as it is there: a table, or a line of JSON.
func (b *peersBench) print(c console, r *peers.Report) error {
	if b.format == "json" {
		return json.NewEncoder(c.out).Encode(r)
	}
	if err := r.WriteTable(c.out); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.out)
	return err
}

// newBenchBackends is what `bench peers` starts as a child.
func newBenchBackends() *cobra.Command {
	return &cobra.Command{
		Use:    "backends ADDRESS…",
		Short:  "The backends of bench peers",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, unix.SIGTERM)
			defer stop()
			return peers.ServeBackends(ctx, args...)
		},
	}
}
