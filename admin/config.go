package admin

import (
	"net/http"
	"strings"
)

// config shows the configuration in force, or with ?before=true the one before it: as JSON, or as YAML for who asks with ?format=yaml or
// Accept: application/yaml.
func (s *Server) config(w http.ResponseWriter, r *http.Request) {
	format := r.URL.Query().Get("format")
	if format == "" && strings.Contains(r.Header.Get("Accept"), "yaml") {
		format = "yaml"
	}
	asked := r.URL.Query().Get("before")
	d, before := s.proxy.Document(), asked == "true"
	if before {
		d = s.proxy.DocumentBefore()
	}
	switch {
	case asked != "" && asked != "true" && asked != "false":
		problem(http.StatusBadRequest, "before=%s is neither true nor false", asked).write(w)
	case format != "" && format != "json" && format != "yaml":
		problem(http.StatusBadRequest, "format=%s is neither json nor yaml", format).write(w)
	case d == nil && before:
		problem(http.StatusNotFound, "no configuration was in force before this one since the process started").write(w)
	case d == nil:
		problem(http.StatusServiceUnavailable, "there is no configuration yet").write(w)
	case format == "yaml":
		text, err := d.YAML()
		if err != nil {
			problemOf(err).write(w)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/yaml")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(text)
	default:
		writeJSON(w, http.StatusOK, d)
	}
}
