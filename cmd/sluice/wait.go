package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sluice/admin"
	"sluice/admin/client"
	"sluice/rollout"
)

// untilEnd waits until the attempt under way ends; where none has begun yet, it waits for one. It prints the route afterwards.
func (s *status) untilEnd(ctx context.Context, api *client.Client, route string) error {
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	attempt, noted := "", false
	for {
		now, err := look(ctx, s, func() (admin.RouteObject, error) { return api.Route(ctx, route) })
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return s.timedOut(route)
		case err != nil:
			return err
		case now.Rollout == nil:
			return withCode(exitUsage, "route %q has no rollout to wait for", route)
		}
		if s.watch {
			s.show(admin.RouteList{Routes: []admin.RouteObject{now}})
		}
		state := *now.Rollout
		if attempt != "" && state.Attempt != attempt {
			return s.replaced(ctx, api, route, attempt)
		}
		attempt = state.Attempt
		if attempt == "" && !noted {
			noted = true
			_, _ = fmt.Fprintf(s.err, "%s: no attempt yet, waiting for one\n", route)
		}
		if attempt != "" && ended(state.Phase) {
			return s.outcome(now)
		}
		if err := pause(ctx); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				return s.timedOut(route)
			}
			return err
		}
	}
}

func (s *status) timedOut(route string) error {
	return withCode(exitTimeout, "%s: the attempt has not ended after %s; it goes on", route, s.timeout.Round(time.Millisecond))
}

// ended says whether an attempt in this phase is over. RollingBack is not: requests at the canary are still being finished.
func ended(p rollout.Phase) bool {
	switch p {
	case rollout.Succeeded, rollout.Failed, rollout.Aborted, rollout.Superseded:
		return true
	default:
		return false
	}
}

// outcome prints the route after its attempt and says in the exit code whether the canary was promoted.
func (s *status) outcome(r admin.RouteObject) error {
	if s.screen == nil && (!s.watch || s.format != "json") {
		if err := s.print(r, func(w io.Writer) { describeRoute(w, r) }); err != nil {
			return err
		}
	}
	if o := r.Rollout.Outcome; o == rollout.Promoted || o == rollout.FastPromoted {
		return nil
	}
	sentence := ""
	if d := r.Rollout.LastDecision; d != nil {
		sentence = ": " + d.Sentence
	}
	return withCode(exitRolledBack, "%s: the attempt ended %s%s", r.Name, r.Rollout.Outcome, sentence)
}

// replaced looks up how an attempt ended that another one has followed between two looks.
func (s *status) replaced(ctx context.Context, api *client.Client, route, attempt string) error {
	list, err := api.Decisions(ctx, route, 200)
	if err != nil {
		return err
	}
	for _, d := range list.Decisions {
		if d.Attempt == attempt && d.To == rollout.Succeeded {
			return nil
		}
	}
	return withCode(exitRolledBack, "%s: another attempt has taken the place of the one waited for", route)
}
