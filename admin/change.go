package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"sluice/rollout"
)

// changeTimeout bounds how long a change is waited for: an increase of weight is on disk before it is answered.
const changeTimeout = 30 * time.Second

// lasting is the context of a change. It outlives the request: what somebody asked for is done also when they don't wait for the answer.
func lasting(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), changeTimeout)
}

// command hands a person's command to the route's controller and answers the state after it.
func (s *Server) command(r *http.Request, verb string) (any, error) {
	route, err := s.find(r)
	if err != nil {
		return nil, err
	}
	c, err := readCommand(r, verb)
	if err != nil {
		return nil, err
	}
	switch {
	case verb != "set-weight" && !route.Rollout:
		return nil, withoutRollout(route)
	case route.Control == nil:
		return nil, problem(http.StatusConflict, "route %q has one backend: there is nothing to divide", route.Name)
	}
	ctx, cancel := lasting(r)
	defer cancel()
	status, err := route.Control.Do(ctx, c)
	if err != nil {
		return nil, refusal(route, err)
	}
	if verb == "set-weight" {
		return s.route(r)
	}
	return whole(status), nil
}

// refusal is a problem that shows the state which a refused command met.
func refusal(r Route, err error) error {
	var refused *rollout.Refused
	if !errors.As(err, &refused) {
		return err
	}
	p := problemOf(err)
	if r.Rollout {
		status := whole(r.Control.Status())
		p.Rollout = &status
	}
	return p
}

func (s *Server) explain(r *http.Request) (any, error) {
	var request ExplainRequest
	if err := decode(r, &request); err != nil {
		return nil, err
	}
	if (request.URL == "") == (request.Route == "") {
		return nil, problem(http.StatusBadRequest, "give url, or route to leave the matching out")
	}
	return s.proxy.Explain(request)
}

func (s *Server) reload(r *http.Request) (any, error) {
	c, err := readCommand(r, "reload")
	if err != nil {
		return nil, err
	}
	s.log.Info("reload asked for", zap.String("actor", c.Actor), zap.String("comment", c.Comment))
	ctx, cancel := lasting(r)
	defer cancel()
	done, err := s.proxy.Reload(ctx)
	if err != nil {
		return nil, err
	}
	if done.Warnings == nil {
		done.Warnings = []string{}
	}
	return done, nil
}
