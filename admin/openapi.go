package admin

import (
	_ "embed" // of the document
	"net/http"
)

// description is the OpenAPI 3.1 document of this API. It is written by hand; tests hold it against what is served, both ways.
//
//go:embed openapi.json
var description []byte

func (s *Server) openapi(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(description)
}
