package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sluice/admin"
	"sluice/app"
	"sluice/config"
)

func newExplain(c console) *cobra.Command {
	var r *remote
	var headers, cookies []string
	var file string
	var step int
	request := admin.ExplainRequest{Headers: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "explain ROUTE|URL",
		Short: "Say which route and backend a request would get, and why",
		Example: `  sluice explain http://shop.example.com/checkout --header 'X-User-Id: alice' --from-ip 10.0.0.9
  sluice explain checkout -c sluice.yaml --step 1`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(1)(cmd, args); err != nil {
				return err
			}
			switch {
			case file == "" && cmd.Flags().Changed("step"):
				return errors.New("--step needs -c FILE: a running proxy is at the step it is at")
			case step < 0:
				return fmt.Errorf("--step %d: steps count from 1", step)
			case file != "" && cmd.Flags().Changed("admin"):
				return errors.New("-c and --admin exclude each other: ask the file or a running proxy")
			}
			return fillHeaders(request.Headers, headers, cookies)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.Contains(args[0], "/") {
				request.URL = args[0]
			} else {
				request.Route = args[0]
			}
			if file != "" {
				return r.preview(file, step, request)
			}
			return r.explain(cmd.Context(), request)
		},
	}
	r = newRemote(c, cmd)
	cmd.Flags().StringArrayVar(&headers, "header", nil, "a `'NAME: VALUE'` of the request; may be repeated")
	cmd.Flags().StringArrayVar(&cookies, "cookie", nil, "a `NAME=VALUE` of the request; may be repeated")
	cmd.Flags().StringVar(&request.From, "from-ip", "", "the client's `address`")
	cmd.Flags().StringVar(&request.Method, "method", "", "the request's `method` (default GET)")
	cmd.Flags().StringVarP(&file, "config", "c", "", "ask a configuration `file` instead of a running proxy")
	cmd.Flags().IntVar(&step, "step", 0, "with -c: as in an attempt at this `number` of a step; 0 is none under way")
	perCall(cmd, "config", "step", "header", "cookie", "from-ip", "method")
	return cmd
}

// fillHeaders adds headers and cookies as they came from the command line.
func fillHeaders(to map[string]string, headers, cookies []string) error {
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || name == "" {
			return fmt.Errorf("--header %q is not of the form 'NAME: VALUE'", h)
		}
		add(to, name, ", ", strings.TrimSpace(value))
	}
	for _, c := range cookies {
		if name, _, ok := strings.Cut(c, "="); !ok || name == "" {
			return fmt.Errorf("--cookie %q is not of the form NAME=VALUE", c)
		}
		add(to, "Cookie", "; ", c)
	}
	return nil
}

func add(to map[string]string, name, separator, value string) {
	if old, twice := to[name]; twice {
		value = old + separator + value
	}
	to[name] = value
}

func (r *remote) explain(ctx context.Context, request admin.ExplainRequest) error {
	api, err := r.client()
	if err != nil {
		return err
	}
	e, err := api.Explain(ctx, request)
	if err != nil {
		return err
	}
	return r.explained(e)
}

// preview asks a file: nothing runs, so every backend is taken for healthy.
func (r *remote) preview(file string, step int, request admin.ExplainRequest) error {
	cfg, found := config.Load(file)
	if found.Err() != nil {
		return refuse(r.console, file, found)
	}
	e, err := app.Preview(cfg, step, request)
	if err != nil {
		return err
	}
	return r.explained(e)
}

func (r *remote) explained(e admin.Explanation) error {
	return r.print(e, func(w io.Writer) {
		if e.Route == "" {
			_, _ = fmt.Fprintf(w, "no route: %s\n", e.Detail)
			return
		}
		table(w, "", [][]string{{"route", e.Route}, {"backend", e.Backend}, {"reason", e.Reason}, {"detail", e.Detail}})
	})
}
