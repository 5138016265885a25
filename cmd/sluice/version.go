package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"sluice/admin"
)

func newVersion(c console) *cobra.Command {
	var p printer
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show which build this is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := admin.ReadBuild(version)
			return p.print(b, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "sluice %s", b.Version)
				if b.Revision != "" {
					_, _ = fmt.Fprintf(w, " (%.12s of %s)", b.Revision, b.Time)
				}
				_, _ = fmt.Fprintf(w, ", %s, %s/%s\n", b.Go, runtime.GOOS, runtime.GOARCH)
			})
		},
	}
	p.flags(c, cmd)
	return cmd
}
