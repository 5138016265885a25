package main

import (
	_ "embed" // of the starter file
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sluice/config"
)

//go:embed starter.yaml
var starter string

// initFlags are what `sluice init` is told.
type initFlags struct {
	stable, canary, file, name, health string
	force                              bool
}

func newInit(c console) *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init STABLE-URL CANARY-URL",
		Short: "Write a commented configuration file to start from",
		Example: `  sluice init http://127.0.0.1:3000 http://127.0.0.1:3001
  sluice init --stable http://127.0.0.1:3000 --canary http://127.0.0.1:3001 --file -`,
		Args: func(_ *cobra.Command, args []string) error {
			given := f.stable != "" || f.canary != ""
			switch {
			case len(args) == 2 && !given:
				f.stable, f.canary = args[0], args[1]
			case len(args) > 0 || f.stable == "" || f.canary == "":
				return errors.New("init needs two URLs, of the version in service and of the one on trial")
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error { return f.write(c) },
	}
	cmd.Flags().StringVar(&f.stable, "stable", "", "`URL` of the version in service")
	cmd.Flags().StringVar(&f.canary, "canary", "", "`URL` of the version on trial")
	cmd.Flags().StringVar(&f.file, "file", "sluice.yaml", "where it is written; - is standard output")
	cmd.Flags().StringVar(&f.name, "name", "app", "`name` of the route")
	cmd.Flags().StringVar(&f.health, "health", "/healthz", "`path` that tells whether an endpoint is healthy")
	cmd.Flags().BoolVar(&f.force, "force", false, "write over a file that is there")
	perCall(cmd, "stable", "canary", "file", "name", "health", "force")
	return cmd
}

func (f *initFlags) write(c console) error {
	text := strings.NewReplacer(
		"{{name}}", quoted(f.name), "{{health}}", quoted(f.health), "{{stable}}", quoted(f.stable), "{{canary}}", quoted(f.canary),
	).Replace(starter)
	cfg, found := config.Parse("the new file", []byte(text), os.LookupEnv)
	if err := found.Err(); err != nil {
		return withCode(exitUsage, "%w", err)
	}
	if f.file == "-" {
		_, err := io.WriteString(c.out, text)
		return err
	}
	if err := f.create(text); err != nil {
		return err
	}
	for _, w := range found.Warnings() {
		_, _ = fmt.Fprintf(c.err, "on purpose: %s\n", w.Message)
	}
	_, _ = fmt.Fprintf(c.out, "%s\n%s: %s\n", f.file, f.name, cfg.Routes[0].Rollout.InWords())
	_, _ = fmt.Fprintf(c.err, "now: put your versions and health checks in, sluice validate %s, sluice run -c %s\n", f.file, f.file)
	return nil
}

func (f *initFlags) create(text string) error {
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if f.force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	out, err := os.OpenFile(f.file, how, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: give another --file, or --force to write over it", f.file)
	}
	if err != nil {
		return fmt.Errorf("write the new file: %w", err)
	}
	_, err = io.WriteString(out, text)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.file, err)
	}
	return nil
}

// quoted is a text in quotes where YAML could read it as something else.
func quoted(text string) string {
	if strings.ContainsAny(text, "{}[],#&*!|>'\"%@` \\\n\t") || text == "" {
		return strconv.Quote(text)
	}
	return text
}
