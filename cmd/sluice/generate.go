package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sluice/config"
	"sluice/deploy"
)

func newGenerate(c console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Print files that ship: schema, dashboard, alerts, systemd, completion, man",
		Args: func(_ *cobra.Command, args []string) error {
			return fmt.Errorf("generate needs one of schema, dashboard, alerts, systemd, completion, man, not %q", strings.Join(args, " "))
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args refuses all
	}
	cmd.AddCommand(newShipped(c, "schema", "Print the JSON Schema of the configuration, for editors", "sluice.schema.json", config.Schema),
		newShipped(c, "dashboard", "Print a Grafana dashboard", "grafana-sluice.json", deploy.Dashboard),
		newShipped(c, "alerts", "Print Prometheus rules: alerts and what they are made of", "/etc/prometheus/sluice.rules.yaml", deploy.Rules),
		newUnits(c), newCompletion(c), newMan(c))
	return cmd
}

// newShipped prints a file of deploy.
func newShipped(c console, name, short, where string, text []byte) *cobra.Command {
	return &cobra.Command{
		Use:     name,
		Short:   short,
		Example: "  sluice generate " + name + " > " + where,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := c.out.Write(text)
			return err
		},
	}
}

func newUnits(c console) *cobra.Command {
	var socket bool
	cmd := newShipped(c, "systemd", "Print a unit that runs the proxy under systemd", "/etc/systemd/system/sluice.service", deploy.Service)
	cmd.Example += "\n  sluice generate systemd --socket > /etc/systemd/system/sluice.socket"
	cmd.Flags().BoolVar(&socket, "socket", false, "the unit of the socket, which keeps the port open over restarts")
	print := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !socket {
			return print(cmd, args)
		}
		_, err := c.out.Write(deploy.Socket)
		return err
	}
	return cmd
}

func newCompletion(c console) *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish|powershell",
		Short:     "Print the completion script of a shell",
		Example:   "  sluice generate completion bash > /etc/bash_completion.d/sluice",
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(c.out, true)
			case "zsh":
				return root.GenZshCompletion(c.out)
			case "fish":
				return root.GenFishCompletion(c.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(c.out)
			}
			return errors.New("bug: an argument that Args let pass")
		},
	}
}

func newMan(c console) *cobra.Command {
	return &cobra.Command{
		Use:     "man",
		Short:   "Print the manual page",
		Example: "  sluice generate man > /usr/local/share/man/man1/sluice.1",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := c.out.Write([]byte(manual(cmd.Root())))
			return err
		},
	}
}
