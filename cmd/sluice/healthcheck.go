package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

func newHealthcheck(c console) *cobra.Command {
	var r *remote
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Exit 0 when the proxy takes traffic: for containers and scripts",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := r.client()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Second) // who asks often waits no longer
			defer cancel()
			if err := api.Ready(ctx); err != nil {
				return fmt.Errorf("not ready: %w", err)
			}
			return r.print(map[string]string{"status": "ready"}, func(w io.Writer) { _, _ = fmt.Fprintln(w, "ready") })
		},
	}
	r = newRemote(c, cmd)
	return cmd
}
