package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/admin"
	"sluice/admin/client"
	"sluice/rollout"
)

// The exit codes, the whole list.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitConfig      = 3
	exitUnreachable = 4
	exitRefused     = 5
	exitRolledBack  = 6 // or aborted
	exitTimeout     = 7
)

// exitMeanings by code, for the manual.
var exitMeanings = [...]string{
	"done", exitFailure: "it failed", exitUsage: "the call is wrong", exitConfig: "the configuration is invalid",
	exitUnreachable: "no admin API answers", exitRefused: "refused in the present state",
	exitRolledBack: "the rollout ended, and its canary was not promoted", exitTimeout: "the time was over first",
}

// console is what a command sees of the world: facts go to out, notes and errors to err.
type console struct {
	out, err io.Writer
	env      func(string) string
}

// coded is an error with its exit code.
type coded struct {
	code int
	err  error
}

func (e *coded) Error() string { return e.err.Error() }
func (e *coded) Unwrap() error { return e.err }

// withCode is an error that ends the command with an exit code of its own.
func withCode(code int, format string, args ...any) error {
	return &coded{code: code, err: fmt.Errorf(format, args...)}
}

// run does what args say and returns the exit code. An error is one line on c.err.
func run(ctx context.Context, args []string, c console) int {
	root, began := newRoot(c)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	code := exitCode(err)
	text := inOneLine(err.Error())
	if !*began { // cobra's own errors have no type; all of them come before the command's work
		code = exitUsage
		text = fmt.Sprintf("%s (see %s --help)", text, cmd.CommandPath())
	}
	_, _ = fmt.Fprintf(c.err, "sluice: %s\n", text)
	return code
}

// several is the border between two errors, each of which has a line of its own.
var several = regexp.MustCompile(`(\S)\n(\S)`)

// inOneLine puts a semicolon between errors, and a space in place of all other line ends.
func inOneLine(text string) string {
	return strings.Join(strings.Fields(several.ReplaceAllString(text, "$1; $2")), " ")
}

// newRoot is the tree of commands. began becomes true when flags, environment and arguments are in order and the work begins.
func newRoot(c console) (root *cobra.Command, began *bool) {
	began = new(bool)
	root = &cobra.Command{
		Use:   "sluice",
		Short: "A traffic-splitting reverse proxy that runs canary releases by itself",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		Version:           admin.ReadBuild(version).Version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			err := environment(cmd, c.env)
			*began = err == nil
			return err
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return plainly(err) })
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.AddCommand(
		newRun(c), newDemo(c), newInit(c), newRehearse(c),
		newValidate(c), newExplain(c), newStatus(c), newRollout(c), newHistory(c), newWhy(c), newOverride(c), newReload(c), newHealthcheck(c), newGenerate(c), newBench(c), newVersion(c),
	)
	root.AddCommand(newShortcuts(c)...)
	return root, began
}

// environment fills flags that were not given from SLUICE_…: --token-file is SLUICE_TOKEN_FILE. Flags that say what one call is to do,
// marked by perCall, are left alone.
func environment(cmd *cobra.Command, env func(string) string) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "SLUICE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := env(name)
		if f.Changed || value == "" || f.Annotations[perCallMark] != nil || f.Name == "help" || failed != nil {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			failed = fmt.Errorf("environment %s: %w", name, plainly(err))
		}
	})
	return failed
}

// plainly says of a flag's value what would be right, where its parser would speak of itself.
func plainly(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	want := map[string]string{
		"int": "a whole number", "int64": "a whole number", "uint": "a whole number, 0 or more", "uint64": "a whole number, 0 or more", "float64": "a number",
		"duration": "a duration as 30s, 5m or 1h30m", "bool": "true or false",
	}[invalid.GetFlag().Value.Type()]
	if want == "" {
		return err
	}
	return fmt.Errorf("--%s=%q: want %s", invalid.GetFlag().Name, invalid.GetValue(), want)
}

const perCallMark = "sluice-per-call"

// perCall marks flags that the environment does not set.
func perCall(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		if err := cmd.Flags().SetAnnotation(name, perCallMark, []string{}); err != nil {
			panic("bug: " + err.Error())
		}
	}
}

// exitCode is the code of an error that came out of a command's work.
func exitCode(err error) int {
	var own *coded
	var away *client.Unreachable
	var problem *admin.Problem
	var invalid *rollout.Invalid
	switch {
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &invalid):
		return exitUsage
	case errors.As(err, &away):
		return exitUnreachable
	case !errors.As(err, &problem):
		return exitFailure
	}
	switch problem.Status {
	case http.StatusBadRequest:
		return exitUsage
	case http.StatusConflict:
		return exitRefused
	case http.StatusUnprocessableEntity:
		return exitConfig
	default:
		return exitFailure
	}
}
