package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/config"
	"sluice/router"
)

func newOverride(c console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "override",
		Short: "Make overrides: requests that name their backend",
		Args: func(_ *cobra.Command, args []string) error {
			return fmt.Errorf("override needs sign, not %q", strings.Join(args, " "))
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args refuses all
	}
	cmd.AddCommand(newOverrideSign(c))
	return cmd
}

// signed is what `override sign -o json` prints.
type signed struct {
	Route    string    `json:"route"`
	Backend  string    `json:"backend"`
	Override string    `json:"override"`
	Until    time.Time `json:"until"`
	Header   string    `json:"header"`
	Cookie   string    `json:"cookie"`
	Query    string    `json:"query"`
}

func newOverrideSign(c console) *cobra.Command {
	var p printer
	var file string
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "sign ROUTE BACKEND",
		Short: "Sign an override: whoever sends it gets that backend, whatever its weight",
		Example: `  sluice override sign checkout canary --for 1h -c sluice.yaml
  curl -H "Sluice-Override: $(sluice override sign checkout canary -c sluice.yaml)" http://shop.example.com/checkout`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(2)(cmd, args); err != nil {
				return err
			}
			if life < time.Second {
				return fmt.Errorf("--for %s: an override lives at least a second", life)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			out, err := signOverride(file, args[0], args[1], time.Now().Add(life))
			if err != nil {
				return err
			}
			return p.print(out, func(w io.Writer) { _, _ = fmt.Fprintln(w, out.Override) })
		},
	}
	p.flags(c, cmd)
	cmd.Flags().StringVarP(&file, "config", "c", "sluice.yaml", "configuration `file`, which names the secret")
	cmd.Flags().DurationVar(&life, "for", time.Hour, "how long it is good")
	perCall(cmd, "for")
	return cmd
}

func signOverride(file, route, name string, until time.Time) (signed, error) {
	cfg, findings := config.Load(file)
	if err := findings.Err(); err != nil {
		return signed{}, &coded{exitConfig, err}
	}
	at := slices.IndexFunc(cfg.Routes, func(r config.Route) bool { return r.Name == route })
	if at < 0 {
		return signed{}, fmt.Errorf("there is no route %q in %s", route, file)
	}
	r := &cfg.Routes[at]
	if !slices.ContainsFunc(r.Backends, func(b config.Backend) bool { return b.Name == name }) {
		return signed{}, fmt.Errorf("route %s has no backend %q", route, name)
	}
	if r.Override == nil {
		return signed{}, fmt.Errorf("route %s takes no override: give it override: {secretFile: override.key}", route)
	}
	secret, err := os.ReadFile(r.Override.SecretFile)
	if err != nil {
		return signed{}, fmt.Errorf("read the secret: %w", err)
	}
	o := router.Override{Secret: []byte(strings.TrimSpace(string(secret)))}
	return signed{
		Route: route, Backend: name, Override: o.Sign(route, name, until), Until: until.UTC().Truncate(time.Second),
		Header: r.Override.Header, Cookie: r.Override.Cookie, Query: r.Override.Query,
	}, nil
}
