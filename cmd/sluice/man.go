package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manual is one page, in the man macros, of all commands: cobra's own generator writes a page for each, and brings a Markdown parser.
func manual(root *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH SLUICE 1 \"\" \"sluice %s\"\n.SH NAME\nsluice \\- %s\n", roff(root.Version), roff(root.Short))
	b.WriteString(".SH SYNOPSIS\n.B sluice\n.I COMMAND\n[flags]\n.SH COMMANDS\n")
	manCommands(&b, root)
	b.WriteString(".SH ENVIRONMENT\nA flag that is not given is taken from SLUICE_ and its name in capitals: --token-file from SLUICE_TOKEN_FILE.\n")
	b.WriteString("Flags that say what one call is to do are not.\n.SH EXIT STATUS\n")
	for code, meaning := range exitMeanings {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", code, roff(meaning))
	}
	return b.String()
}

func manCommands(b *strings.Builder, of *cobra.Command) {
	for _, cmd := range of.Commands() {
		if !cmd.IsAvailableCommand() {
			continue
		}
		fmt.Fprintf(b, ".SS %s\n%s\n", roff(strings.TrimPrefix(cmd.CommandPath()+strings.TrimPrefix(cmd.Use, cmd.Name()), "sluice ")), roff(about(cmd)))
		if cmd.Example != "" {
			fmt.Fprintf(b, ".PP\n.nf\n%s\n.fi\n", roff(cmd.Example))
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden || f.Name == "help" {
				return
			}
			kind, usage := pflag.UnquoteUsage(f)
			name := "\\-\\-" + roff(f.Name)
			if f.Shorthand != "" {
				name = "\\-" + f.Shorthand + ", " + name
			}
			fmt.Fprintf(b, ".TP\n.B %s %s\n%s\n", name, roff(kind), roff(usage))
		})
		manCommands(b, cmd)
	}
}

func about(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

// roff is a text that no macro can begin in.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
