package admin

import (
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"sluice/admin/ofrep"
	"sluice/admin/ui"
)

// endpoint is one method of one path.
type endpoint struct {
	method, path string
	// open needs no token: for health checks and the page itself, which show nothing.
	open bool
	// changes something: needs the role operate.
	changes bool
	serve   http.Handler
}

// verbs of POST …/rollout/{verb}.
var verbs = [...]string{"start", "pause", "resume", "approve", "promote", "abort", "retry", "undo", "set-weight"}

func (s *Server) endpoints() []endpoint {
	const route = "/api/v1/routes/{route}"
	scrape := promhttp.HandlerOpts{ErrorLog: zap.NewStdLog(s.log), ErrorHandling: promhttp.ContinueOnError}
	all := []endpoint{
		{method: "GET", path: "/healthz", open: true, serve: answer(s.healthz)},
		{method: "GET", path: "/readyz", open: true, serve: answer(s.readyz)},
		{method: "GET", path: "/metrics", serve: promhttp.HandlerFor(s.registry, scrape)},
		{method: "GET", path: "/version", serve: answer(s.version)},
		{method: "GET", path: "/ui/", open: true, serve: ui.Handler()},
		{method: "GET", path: "/api/openapi.json", serve: http.HandlerFunc(s.openapi)},
		{method: "GET", path: "/api/v1/routes", serve: answer(s.routes)},
		{method: "GET", path: route, serve: answer(s.route)},
		{method: "GET", path: route + "/rollout", serve: answer(s.rollout)},
		{method: "GET", path: route + "/decisions", serve: answer(s.decisions)},
		{method: "GET", path: route + "/series", serve: answer(s.seriesOf)},
		{method: "GET", path: route + "/blocks", serve: http.HandlerFunc(s.blocks)},
		{method: "GET", path: "/api/v1/config", serve: http.HandlerFunc(s.config)},
		{method: "GET", path: "/api/v1/events", serve: http.HandlerFunc(s.events)},
		{method: "POST", path: "/api/v1/explain", serve: answer(s.explain)},
		{method: "POST", path: ofrep.OnePath, serve: ofrep.One(s.flags)},
		{method: "POST", path: ofrep.AllPath, serve: ofrep.All(s.flags)},
		{method: "POST", path: "/api/v1/events/conversion", changes: true, serve: answer(s.converted)},
		{method: "POST", path: "/api/v1/reload", changes: true, serve: answer(s.reload)},
	}
	for _, verb := range verbs {
		command := func(r *http.Request) (any, error) { return s.command(r, verb) }
		all = append(all, endpoint{method: "POST", path: route + "/rollout/" + verb, changes: true, serve: answer(command)})
	}
	return all
}

// answer serves what f returns as JSON, or its error as a problem.
func answer(f func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		v, err := f(r)
		if err != nil {
			problemOf(err).write(w)
			return
		}
		writeJSON(w, http.StatusOK, v)
	})
}

// handler is all endpoints behind the guard. A bug in one of them answers 500 and is logged.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for path, methods := range byPath(s.endpoints()) {
		mux.Handle(path, s.methods(methods))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			http.Redirect(w, r, "/ui/", http.StatusFound)
			return
		}
		problem(http.StatusNotFound, "there is nothing at %s", r.URL.Path).write(w)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recovered(w, r)
		if p := s.guard.browser(r); p != nil {
			p.write(w)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func byPath(all []endpoint) map[string][]endpoint {
	paths := map[string][]endpoint{}
	for _, e := range all {
		paths[e.path] = append(paths[e.path], e)
	}
	return paths
}

// methods serves the endpoints of one path; GET answers HEAD too.
func (s *Server) methods(of []endpoint) http.Handler {
	var allow []string
	for _, e := range of {
		allow = append(allow, e.method)
		if e.method == "GET" {
			allow = append(allow, "HEAD")
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := slices.IndexFunc(of, func(e endpoint) bool { return e.method == r.Method || e.method == "GET" && r.Method == "HEAD" })
		if i < 0 {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			problem(http.StatusMethodNotAllowed, "%s is not possible at %s", r.Method, r.URL.Path).write(w)
			return
		}
		if of[i].open {
			of[i].serve.ServeHTTP(w, r)
			return
		}
		who, p := s.guard.caller(r)
		if p != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
		} else {
			p = who.may(&of[i])
		}
		if p != nil {
			p.write(w)
			return
		}
		of[i].serve.ServeHTTP(w, withHolder(r, who))
	})
}

func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	if bug := recover(); bug != nil {
		s.log.Error("the admin API has a bug", zap.String("path", r.URL.Path), zap.Any("panic", bug), zap.ByteString("stack", debug.Stack()))
		problem(http.StatusInternalServerError, "a bug of the admin API, the log has more").write(w)
	}
}
