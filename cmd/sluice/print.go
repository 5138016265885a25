package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// printer writes facts to standard output, for people or as JSON.
type printer struct {
	w      io.Writer
	format format
}

// format is the value of --output.
type format string

func (f *format) String() string { return string(*f) }

// Type names the values in the help.
func (f *format) Type() string { return "text|json" }

// Set takes a value from the command line.
func (f *format) Set(s string) error {
	if s != "text" && s != "json" {
		return fmt.Errorf("%q is neither text nor json", s)
	}
	*f = format(s)
	return nil
}

func (p *printer) flags(c console, cmd *cobra.Command) {
	p.w, p.format = c.out, "text"
	cmd.Flags().VarP(&p.format, "output", "o", "how facts are printed")
}

// print writes v as indented JSON, or what text writes.
func (p *printer) print(v any, text func(io.Writer)) error {
	if p.format == "json" {
		e := json.NewEncoder(p.w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(v)
	}
	var b strings.Builder
	text(&b)
	_, err := io.WriteString(p.w, b.String())
	return err
}

// table writes rows in columns, the first row being the heads, indented.
func table(w io.Writer, indent string, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(t, indent+strings.Join(row, "\t"))
	}
	_ = t.Flush() // into a buffer
}
