package admin

import (
	"net/http"
	"strings"
)

// config shows the configuration in force: as JSON, or as YAML for who asks with ?format=yaml or Accept: application/yaml.
func (s *Server) config(w http.ResponseWriter, r *http.Request) {
	format := r.URL.Query().Get("format")
	if format == "" && strings.Contains(r.Header.Get("Accept"), "yaml") {
		format = "yaml"
	}
	d := s.proxy.Document()
	switch {
	case format != "" && format != "json" && format != "yaml":
		problem(http.StatusBadRequest, "format=%s is neither json nor yaml", format).write(w)
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
