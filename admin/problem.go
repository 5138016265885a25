package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"sluice/rollout"
)

// Problem is an error answer (RFC 9457). Type is about:blank throughout: Status says what kind of problem it is.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Rollout is the present state, where a command was refused because of it.
	Rollout *rollout.Status `json:"rollout,omitempty"`
	// Errors of a refused configuration, file:line:column: message.
	Errors []string `json:"errors,omitempty"`
}

func (p *Problem) Error() string { return p.Detail }

func problem(status int, format string, args ...any) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// NoRoute is the answer where a route is asked for that is not among names.
func NoRoute(name string, names []string) *Problem {
	return problem(http.StatusNotFound, "there is no route %q; there are: %s", name, strings.Join(names, ", "))
}

// problemOf is the answer to an error; an error nobody foresaw is a 500.
func problemOf(err error) *Problem {
	var p *Problem
	var refused *rollout.Refused
	var invalid *rollout.Invalid
	var config *InvalidConfig
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &refused):
		return problem(http.StatusConflict, "%s", refused.Reason)
	case errors.As(err, &invalid):
		return problem(http.StatusBadRequest, "%s", invalid.Reason)
	case errors.As(err, &config):
		p = problem(http.StatusUnprocessableEntity, "the configuration has errors, the old one stays: %s", strings.Join(config.Errors, "; "))
		p.Errors = config.Errors
		return p
	case errors.Is(err, context.DeadlineExceeded):
		return problem(http.StatusServiceUnavailable, "taken, but not confirmed within %s: look at the state before asking again", changeTimeout)
	default:
		return problem(http.StatusInternalServerError, "%s", err)
	}
}

func (p *Problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	writeJSON(w, p.Status, p)
}

// writeJSON writes one line of JSON. What is shown is shown as it is now, so nothing may be kept by a cache.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("bug: an answer that is no JSON: " + err.Error())
	}
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client may be gone
}
