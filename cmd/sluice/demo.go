package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"sluice/admin"
	"sluice/app"
	"sluice/config"
	"sluice/demo"
	"sluice/rollout"
)

func newDemo(c console) *cobra.Command {
	var scenario string
	var names []string
	for _, s := range demo.Scenarios() {
		names = append(names, string(s))
	}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a whole rollout: two small backends, a load, the proxy",
		Long:  "Starts two small backends, a load and the proxy on loopback, runs a whole rollout and prints what happens. The exit code is the\noutcome: 0 promoted, 6 rolled back.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := demo.ParseScenario(scenario)
			if err != nil {
				return withCode(exitUsage, "%w", err)
			}
			return runDemo(cmd.Context(), c, s)
		},
	}
	cmd.Flags().StringVar(&scenario, "scenario", "good", "how the canary behaves: "+strings.Join(names, ", "))
	perCall(cmd, "scenario")
	return cmd
}

func runDemo(ctx context.Context, c console, s demo.Scenario) error {
	dir, err := os.MkdirTemp("", "sluice-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo's state: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	backends, err := demo.StartBackends(s)
	if err != nil {
		return err
	}
	defer func() { _ = backends.Close() }()
	listen, err := freeAddress()
	if err != nil {
		return err
	}
	text := demo.Config(listen, "unix:"+filepath.Join(dir, "admin.sock"), filepath.Join(dir, "state"), backends.StableURL, backends.CanaryURL, s)
	load := func() (*config.Config, config.Findings) { return config.Parse("demo", []byte(text), os.LookupEnv) }
	a, err := app.New(app.Options{Load: load, Log: zap.NewNop(), Build: admin.ReadBuild(version)})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- a.Run(running, ctx) }()
	out, err := demo.Run(ctx, demoOptions(a, c.out, s, listen))
	stop()
	if err = errors.Join(err, <-ended); err != nil {
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

func demoOptions(a *app.App, w io.Writer, s demo.Scenario, listen string) demo.Options {
	o := demo.Options{Proxy: "http://" + listen, Scenario: s, Out: w, Reading: func() demo.Reading { return reading(a) }}
	if f, ok := w.(*os.File); ok {
		o.Width, o.Colour = demo.Terminal(f)
	}
	return o
}

// reading is what the demonstration shows of its one route.
func reading(a *app.App) demo.Reading {
	r := a.Routes()[0]
	out := demo.Reading{Rollout: r.Control.Status(), Decisions: r.Control.Decisions(50)}
	for i := range r.Backends {
		b := &r.Backends[i]
		t := b.Meter.Totals()
		arm := demo.Arm{Weight: b.Weight, Requests: t.Requests, Errors: t.Errors, P50: t.Latency.Quantile(0.5), P95: t.Latency.Quantile(0.95)}
		if b.Name == "canary" {
			out.Canary = arm
		} else {
			out.Stable = arm
		}
	}
	return out
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
