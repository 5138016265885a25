package admin

import (
	"net/http"
	"regexp"
)

// attemptID is what can be one; a rollout says whether it is.
var attemptID = regexp.MustCompile(`^[0-9A-Z]{1,26}$`)

// blocks is the block log of an attempt, the present one's when none is named: what the judge was given, for analysis.ReplayLog.
func (s *Server) blocks(w http.ResponseWriter, r *http.Request) {
	log, err := s.blockLog(r)
	if err != nil {
		problemOf(err).write(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(log) // the client may be gone
}

func (s *Server) blockLog(r *http.Request) ([]byte, error) {
	route, err := s.find(r)
	if err != nil {
		return nil, err
	}
	if route.Control == nil {
		return nil, withoutRollout(route)
	}
	attempt := r.URL.Query().Get("attempt")
	if attempt == "" {
		attempt = route.Control.Status().Attempt
	}
	if attempt == "" {
		return nil, problem(http.StatusNotFound, "route %q has had no attempt", route.Name)
	}
	if !attemptID.MatchString(attempt) {
		return nil, problem(http.StatusBadRequest, "attempt=%.40q is no attempt's id", attempt)
	}
	log, err := route.Control.Blocks(attempt)
	if err != nil {
		return nil, err
	}
	if len(log) == 0 {
		return nil, problem(http.StatusNotFound, "there is no block log of attempt %s of route %q: the newest five attempts have one", attempt, route.Name)
	}
	return log, nil
}
