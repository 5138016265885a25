package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sluice/admin"
	"sluice/admin/client"
)

// pollInterval is how often --watch and --wait look.
const pollInterval = 500 * time.Millisecond

// awayMost is how long a proxy that has answered may be away: one that is replaced by another process is.
const awayMost = 15 * time.Second

// status is one call of the command.
type status struct {
	*remote
	watch, wait bool
	timeout     time.Duration
	screen      *screen           // that --watch draws on; nil where the output is no terminal
	shown       map[string]string // the line of each route that --watch showed last, to show only what is new
	past        past              // of the routes, for the screen
	reached     bool              // the proxy has answered once
}

func newStatus(c console) *cobra.Command {
	s := &status{shown: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "status [ROUTE]",
		Short: "Show weights, measurements and the state of rollouts",
		Args: func(cmd *cobra.Command, args []string) error {
			if s.timeout != 0 && !s.wait {
				return errors.New("--timeout needs --wait")
			}
			return cobra.MaximumNArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(cmd.Context(), args) },
	}
	s.remote = newRemote(c, cmd)
	cmd.Flags().BoolVar(&s.watch, "watch", false, "go on showing it; plain lines where the output is no terminal")
	cmd.Flags().BoolVar(&s.wait, "wait", false, "wait until the attempt ends; exit 6 when it was not promoted")
	cmd.Flags().DurationVar(&s.timeout, "timeout", 0, "give up waiting after this `duration` (exit 7); 0 is never")
	perCall(cmd, "watch", "wait", "timeout")
	return cmd
}

func (s *status) run(ctx context.Context, args []string) error {
	api, err := s.client()
	if err != nil {
		return err
	}
	if s.watch && s.format != "json" {
		if s.screen = newScreen(s.w); s.screen != nil {
			defer s.screen.end()
			var stop context.CancelFunc
			ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
			defer stop()
		}
	}
	if s.wait {
		route, err := routeOf(ctx, api, args, hasRollout)
		if err != nil {
			return err
		}
		return s.untilEnd(ctx, api, route)
	}
	for {
		list, err := look(ctx, s, func() (admin.RouteList, error) { return routes(ctx, api, args) })
		switch {
		case s.watch && errors.Is(err, context.Canceled):
			return nil
		case err != nil:
			return err
		}
		if !s.watch {
			return s.once(list, len(args) > 0)
		}
		if s.screen != nil {
			s.past.refresh(ctx, api, list)
		}
		s.show(list)
		if pause(ctx) != nil {
			return nil
		}
	}
}

// look asks the proxy; one that was there may be away for a moment.
func look[T any](ctx context.Context, s *status, ask func() (T, error)) (T, error) {
	v, err := ask()
	var away *client.Unreachable
	for since := time.Now(); s.reached && errors.As(err, &away) && time.Since(since) < awayMost; {
		if pause(ctx) != nil {
			return v, ctx.Err()
		}
		v, err = ask()
	}
	s.reached = s.reached || err == nil
	return v, err
}

// routes are those asked for.
func routes(ctx context.Context, api *client.Client, args []string) (admin.RouteList, error) {
	if len(args) == 0 {
		return api.Routes(ctx)
	}
	one, err := api.Route(ctx, args[0])
	return admin.RouteList{Routes: []admin.RouteObject{one}}, err
}

// once prints the routes: one that was named is the route object itself in JSON.
func (s *status) once(list admin.RouteList, named bool) error {
	var v any = list
	if named {
		v = list.Routes[0]
	}
	return s.print(v, func(w io.Writer) { describeAll(w, list) })
}

func describeAll(w io.Writer, list admin.RouteList) {
	for i, r := range list.Routes {
		if i > 0 {
			_, _ = fmt.Fprintln(w)
		}
		describeRoute(w, r)
	}
}

// show is one look of --watch: the whole screen anew on a terminal, else a line (of JSON) for each route whose state is new.
func (s *status) show(list admin.RouteList) {
	if s.screen != nil {
		width, _ := s.screen.size()
		s.screen.draw(view{width: width, colour: s.env("NO_COLOR") == ""}.routes(list, &s.past))
		return
	}
	var fresh string
	for _, r := range list.Routes {
		if now := s.line(r); now != s.shown[r.Name] {
			fresh += now
			s.shown[r.Name] = now
		}
	}
	if fresh != "" {
		_, _ = io.WriteString(s.w, fresh)
	}
}

func (s *status) line(r admin.RouteObject) string {
	if s.format == "json" {
		b, err := json.Marshal(r)
		if err != nil {
			panic("bug: a route that is no JSON: " + err.Error())
		}
		return string(b) + "\n"
	}
	if len(r.Backends) == 0 {
		return r.Name + ": redirects\n"
	}
	if r.Rollout == nil {
		text := r.Name + ": no rollout"
		for _, b := range r.Backends {
			text += fmt.Sprintf(", %s %s", b.Name, b.Weight)
		}
		return text + "\n"
	}
	state := *r.Rollout
	if state.WaitingFor == "hold" {
		state.WaitingFor = "" // it changes all the time
	}
	return describe(state) + "\n"
}

// pause is the time between two looks; an error when the caller gives up.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollInterval):
		return nil
	}
}
