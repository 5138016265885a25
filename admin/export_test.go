package admin

import (
	"net/http"
	"regexp"
	"time"
)

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

// SeriesKeep is how many points a series has.
const SeriesKeep = seriesKeep

// Sample reads all routes for their series.
func (s *Server) Sample(now time.Time) { s.series.sample(now) }

// Kept is how many points of a route are in memory.
func (s *Server) Kept(route string) int {
	if one := s.series.routes[route]; one != nil {
		return len(one.rows)
	}
	return 0
}

// MetricNames are the names of all families of ours.
func MetricNames() (names []string) {
	for _, d := range newFamilies().all {
		names = append(names, regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1])
	}
	return names
}
