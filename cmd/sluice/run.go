package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"sluice/admin"
	"sluice/app"
	"sluice/config"
)

// runFlags are what `sluice run` is told.
type runFlags struct {
	file, admin string
	takeover    bool
	quick       config.QuickOptions
}

func newRun(c console) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [-c FILE | --stable URL [--canary URL]]",
		Short: "Run the proxy",
		Example: `  sluice run -c sluice.yaml
  sluice run --listen :8080 --stable http://127.0.0.1:3000 --canary http://127.0.0.1:3001 --weight 5%
  sluice run --stable http://127.0.0.1:3000 --canary http://127.0.0.1:3001 --sticky --rollout fast`,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			q := &f.quick
			switch given := q.Sticky || q.Listen+q.Stable+q.Canary+q.Weight+q.Rollout != ""; {
			case f.file == "" && !given:
				return withCode(exitUsage, "nothing to run: give a configuration with -c FILE, or --stable URL (see sluice run --help)")
			case f.file != "" && given:
				return withCode(exitUsage, "-c and the flags for running without a file exclude each other: use one of the two")
			case f.file == "" && f.takeover:
				return withCode(exitUsage, "--takeover needs -c FILE: without one there is no state to take over")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return runProxy(cmd.Context(), c, f) },
	}
	cmd.Flags().StringVarP(&f.file, "config", "c", "", "configuration file")
	cmd.Flags().StringVar(&f.admin, "admin", "", "address of the admin API, HOST:PORT or unix:PATH; overrides the file's")
	cmd.Flags().BoolVar(&f.takeover, "takeover", false, "join a process that runs already, follow its state, and take over when it ends")
	cmd.Flags().StringVar(&f.quick.Listen, "listen", "", "without a file: address for clients (default :8080)")
	cmd.Flags().StringVar(&f.quick.Stable, "stable", "", "without a file: URL of the version in service")
	cmd.Flags().StringVar(&f.quick.Canary, "canary", "", "without a file: URL of the version on trial")
	cmd.Flags().StringVar(&f.quick.Weight, "weight", "", "without a file: the canary's share, like 5%")
	cmd.Flags().BoolVar(&f.quick.Sticky, "sticky", false, "without a file: keep users on their version by cookie")
	cmd.Flags().StringVar(&f.quick.Rollout, "rollout", "", "without a file: run a rollout with this preset, like fast")
	perCall(cmd, "takeover", "listen", "stable", "canary", "weight", "sticky", "rollout")
	return cmd
}

// load reads the file, or makes a configuration of the flags. stateDir is for running without a file.
func (f *runFlags) load(stateDir string) func() (*config.Config, config.Findings) {
	return func() (*config.Config, config.Findings) {
		var cfg *config.Config
		var found config.Findings
		if f.file != "" {
			cfg, found = config.Load(f.file)
		} else {
			cfg, found = config.Quick(f.quick)
		}
		if cfg == nil {
			return nil, found
		}
		if f.file == "" {
			cfg.State.Dir = stateDir
		}
		if f.admin != "" {
			cfg.Admin.Address = f.admin
		}
		return cfg, found
	}
}

func runProxy(ctx context.Context, c console, f runFlags) error {
	stateDir := ""
	if f.file == "" {
		// Without a file there is no name to remember anything by: each process begins anew, and two don't meet.
		dir, err := os.MkdirTemp("", "sluice-")
		if err != nil {
			return fmt.Errorf("make a folder for state: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		stateDir = dir
	}
	sockets, err := inherited(c.env)
	if err != nil {
		return err
	}
	level := zap.NewAtomicLevelAt(zap.InfoLevel)
	a, err := app.New(app.Options{
		Load: f.load(stateDir), Level: &level, Log: newLog(c.err, &level), Build: admin.ReadBuild(version),
		Takeover: f.takeover, Inherited: sockets, Notify: notifier(c.env),
	})
	var invalid *app.InvalidConfig
	switch {
	case errors.As(err, &invalid):
		return refuse(c, f.file, invalid.Findings)
	case err != nil:
		return err
	}
	return supervise(ctx, a)
}

// refuse says what is wrong with a file, every error on a line of its own, or with the flags that stand for one.
func refuse(c console, file string, found config.Findings) error {
	if file == "" {
		return withCode(exitUsage, "%w (see sluice run --help)", found.Err())
	}
	lines := strings.Split(found.Err().Error(), "\n")
	if len(lines) == 1 {
		return withCode(exitConfig, "%s", lines[0])
	}
	for _, line := range lines {
		_, _ = fmt.Fprintln(c.err, line)
	}
	return withCode(exitConfig, "%s has %d errors; mend the file and try again", file, len(lines))
}

// supervise runs the proxy under the process's signals: TERM and INT drain, a second one forces, HUP reloads, USR1 opens the
// access log anew, USR2 writes the state of every rollout to the log.
func supervise(ctx context.Context, a *app.App) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	ctx, drain := context.WithCancel(ctx)
	defer drain()
	forced, force := context.WithCancel(context.Background())
	defer force()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, forced) }()
	for {
		select {
		case err := <-ended:
			return err
		case s := <-signals:
			switch s {
			case syscall.SIGHUP:
				_, _ = a.Reload(ctx) // logged and counted there
			case syscall.SIGUSR1:
				a.ReopenLogs()
			case syscall.SIGUSR2:
				dump(a)
			case syscall.SIGTERM, syscall.SIGINT:
				if ctx.Err() != nil {
					force()
				}
				drain()
			}
		}
	}
}

// dump writes what every rollout is doing to the log.
func dump(a *app.App) {
	for _, r := range a.Routes() {
		if r.Control == nil {
			continue
		}
		b, err := json.Marshal(r.Control.Status())
		a.Log.Info("state", zap.String("route", r.Name), zap.ByteString("rollout", b), zap.Error(err))
	}
}

// newLog writes lines for people.
func newLog(w io.Writer, level *zap.AtomicLevel) *zap.Logger {
	style := zap.NewProductionEncoderConfig()
	style.EncodeTime = zapcore.ISO8601TimeEncoder
	style.EncodeLevel = zapcore.LowercaseLevelEncoder
	style.EncodeDuration = zapcore.StringDurationEncoder
	style.ConsoleSeparator = " "
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(style), zapcore.Lock(zapcore.AddSync(w)), level))
}
