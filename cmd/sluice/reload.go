package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newReload(c console) *cobra.Command {
	var r *remote
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Make the proxy read its configuration again; a broken one changes nothing",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return r.reload(cmd.Context()) },
	}
	r = newRemote(c, cmd)
	return cmd
}

func (r *remote) reload(ctx context.Context) error {
	api, err := r.client()
	if err != nil {
		return err
	}
	done, err := api.Reload(ctx, r.actor())
	if err != nil {
		return err
	}
	for _, warning := range done.Warnings {
		_, _ = fmt.Fprintln(r.err, warning)
	}
	return r.print(done, func(w io.Writer) { _, _ = fmt.Fprintf(w, "reloaded: generation %d\n", done.Generation) })
}
