package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"sluice/admin"
	"sluice/app"
	"sluice/config"
	"sluice/demo"
)

// stage is what a demonstration or a rehearsal is played on: backends, a folder and addresses of its own.
type stage struct {
	demo.Stage
	dir string
}

func newStage(s demo.Scenario) (*stage, error) {
	dir, err := os.MkdirTemp("", "sluice-demo-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the demo's state: %w", err)
	}
	on := &stage{dir: dir}
	on.Admin, on.StateDir = "unix:"+filepath.Join(dir, "admin.sock"), filepath.Join(dir, "state")
	if on.Backends, err = demo.StartBackends(s); err == nil {
		on.Listen, err = freeAddress()
	}
	if err != nil {
		on.strike()
		return nil, err
	}
	return on, nil
}

func (on *stage) strike() {
	if on.Backends != nil {
		_ = on.Backends.Close()
	}
	_ = os.RemoveAll(on.dir)
}

// play runs the proxy with one route, sends the scenario's load through it and tells what happens until the rollout has ended. canary is
// the backend that is on trial.
func (on *stage) play(ctx context.Context, w io.Writer, s demo.Scenario, canary string, load func() (*config.Config, config.Findings)) (demo.Outcome, error) {
	a, err := app.New(app.Options{Load: load, Log: zap.NewNop(), Build: admin.ReadBuild(version)})
	if err != nil {
		return demo.Outcome{}, err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- a.Run(running, ctx) }()
	o := demo.Options{Proxy: "http://" + on.Listen, Scenario: s, Out: w, Reading: func() demo.Reading { return reading(a, canary) }}
	if f, ok := w.(*os.File); ok {
		o.Width, o.Colour = demo.Terminal(f)
	}
	out, err := demo.Run(ctx, o)
	stop()
	return out, errors.Join(err, <-ended)
}

// reading is what is told of the one route.
func reading(a *app.App, canary string) demo.Reading {
	r := a.Routes()[0]
	out := demo.Reading{Rollout: r.Control.Status(), Decisions: r.Control.Decisions(50)}
	for i := range r.Backends {
		b := &r.Backends[i]
		t := b.Meter.Totals()
		arm := demo.Arm{Weight: b.Weight, Requests: t.Requests, Errors: t.Errors, P50: t.Latency.Quantile(0.5), P95: t.Latency.Quantile(0.95)}
		switch b.Name {
		case canary:
			out.Canary = arm
		case out.Rollout.Stable.Backend, out.Rollout.Canary.Backend:
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
