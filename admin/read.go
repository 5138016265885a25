package admin

import (
	"net/http"
	"strconv"
)

func (s *Server) healthz(*http.Request) (any, error) { return map[string]string{"status": "ok"}, nil }

func (s *Server) readyz(*http.Request) (any, error) {
	if !s.proxy.Ready() {
		return nil, problem(http.StatusServiceUnavailable, "starting or draining: no new traffic please")
	}
	return map[string]string{"status": "ready"}, nil
}

func (s *Server) version(*http.Request) (any, error) { return s.build, nil }

func (s *Server) routes(*http.Request) (any, error) {
	list := RouteList{Routes: []RouteObject{}}
	for _, r := range s.proxy.Routes() {
		list.Routes = append(list.Routes, routeObject(r))
	}
	return list, nil
}

func (s *Server) route(r *http.Request) (any, error) {
	route, err := s.find(r)
	if err != nil {
		return nil, err
	}
	return routeObject(route), nil
}

// find is the route that the path names.
func (s *Server) find(r *http.Request) (Route, error) {
	name := r.PathValue("route")
	var names []string
	for _, route := range s.proxy.Routes() {
		if route.Name == name {
			return route, nil
		}
		names = append(names, route.Name)
	}
	return Route{}, NoRoute(name, names)
}

func (s *Server) rollout(r *http.Request) (any, error) {
	route, err := s.find(r)
	if err != nil {
		return nil, err
	}
	if !route.Rollout {
		return nil, withoutRollout(route)
	}
	return whole(route.Control.Status()), nil
}

func withoutRollout(r Route) *Problem {
	return problem(http.StatusNotFound, "route %q has no rollout", r.Name)
}

func (s *Server) decisions(r *http.Request) (any, error) {
	route, err := s.find(r)
	if err != nil {
		return nil, err
	}
	limit := 50
	if text := r.URL.Query().Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 1000 {
			return nil, problem(http.StatusBadRequest, "limit=%s is not a number from 1 to 1000", text)
		}
	}
	list := DecisionList{Decisions: []DecisionObject{}}
	if route.Control == nil {
		return list, nil
	}
	for _, d := range route.Control.Decisions(limit) {
		list.Decisions = append(list.Decisions, decisionObject(d))
	}
	return list, nil
}
