package admin

import "net/http"

// Endpoints are all that is served, as "METHOD /path".
func (s *Server) Endpoints() []string {
	var all []string
	for _, e := range s.endpoints() {
		all = append(all, e.method+" "+e.path)
	}
	return all
}

// Handler is all that Run serves.
func (s *Server) Handler() http.Handler { return s.handler() }

// FillFeed takes the places of all streams.
func (s *Server) FillFeed() {
	for range watchersMost {
		_, _, _ = s.feed.join(0, false)
	}
}
