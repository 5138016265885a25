package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sluice/admin"
	"sluice/admin/client"
)

// remote is what commands share that talk to a running proxy.
type remote struct {
	console
	printer
	admin, tokenFile string
}

// newRemote adds the flags of such a command.
func newRemote(c console, cmd *cobra.Command) *remote {
	r := &remote{console: c}
	cmd.Flags().StringVar(&r.admin, "admin", "127.0.0.1:9900", "the proxy's admin address, `HOST:PORT` or unix:PATH")
	cmd.Flags().StringVar(&r.tokenFile, "token-file", "", "`file` with the admin API's token")
	r.printer.flags(c, cmd)
	return r
}

func (r *remote) client() (*client.Client, error) {
	var token string
	if r.tokenFile != "" {
		b, err := os.ReadFile(r.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("read the admin API's token: %w", err)
		}
		if token = strings.TrimSpace(string(b)); token == "" {
			return nil, fmt.Errorf("read the admin API's token: %s is empty", r.tokenFile)
		}
	}
	api, err := client.New(r.admin, token)
	if err != nil {
		return nil, withCode(exitUsage, "%w", err)
	}
	return api, nil
}

// actor is who the journal names.
func (c console) actor() string {
	if user := c.env("USER"); user != "" {
		return "cli:" + user
	}
	return "cli"
}

// ask is the proxy's API, and the route that args name or the only one that fits.
func (r *remote) ask(ctx context.Context, args []string, fits func(admin.RouteObject) bool) (*client.Client, string, error) {
	api, err := r.client()
	if err != nil {
		return nil, "", err
	}
	route, err := routeOf(ctx, api, args, fits)
	return api, route, err
}

// routeOf is the route that args name, or the only one that fits.
func routeOf(ctx context.Context, api *client.Client, args []string, fits func(admin.RouteObject) bool) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	all, err := api.Routes(ctx)
	if err != nil {
		return "", err
	}
	var names []string
	for _, route := range all.Routes {
		if fits(route) {
			names = append(names, route.Name)
		}
	}
	switch len(names) {
	case 1:
		return names[0], nil
	case 0:
		return "", withCode(exitUsage, "no route of this proxy can do that")
	default:
		return "", withCode(exitUsage, "which route? This proxy has %s", strings.Join(names, ", "))
	}
}

func hasRollout(r admin.RouteObject) bool { return r.Rollout != nil }

func isDivided(r admin.RouteObject) bool { return len(r.Backends) > 1 }
