package admin

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"sluice/metrics"
	"sluice/rollout"
)

const (
	// seriesEvery is the time between two points, seriesKeep how many are kept: an hour.
	seriesEvery = 2 * time.Second
	seriesKeep  = int(time.Hour / seriesEvery)
	// seriesMost backends have points, the first of the file: a backend's hour takes about 80 KB.
	seriesMost = 512
)

// series is the last hour of every route, for charts. It reads the meters' totals every two seconds and keeps what they gained.
type series struct {
	proxy Proxy

	mu     sync.Mutex // guards routes
	routes map[string]*seriesOfRoute
}

// seriesOfRoute is one route's hour. A row has a point for each name.
type seriesOfRoute struct {
	names []string
	last  map[string]reading
	rows  []seriesRow
}

type seriesRow struct {
	at     time.Time
	points []point
}

// point is what a backend did between two readings; known is false where the route did not have it yet.
type point struct {
	requests, errors uint32
	latency          [3]float32 // p50, p95, p99 in seconds; 0 without an answer
	weight           uint16
	known            bool
}

// reading is a meter's totals at one moment.
type reading struct {
	meter            *metrics.Meter
	requests, errors uint64
	latency          metrics.Histogram
}

func newSeries(p Proxy) *series { return &series{proxy: p, routes: map[string]*seriesOfRoute{}} }

// run reads until ctx ends.
func (s *series) run(ctx context.Context) {
	tick := time.NewTicker(seriesEvery)
	defer tick.Stop()
	for {
		s.sample(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sample reads every route once. The first reading of a route is what the next one is compared with.
func (s *series) sample(now time.Time) {
	routes := s.proxy.Routes()
	s.mu.Lock()
	defer s.mu.Unlock()
	present, backends := make(map[string]*seriesOfRoute, len(routes)), 0
	for _, r := range routes {
		if backends += len(r.Backends); backends > seriesMost {
			break
		}
		one := s.routes[r.Name]
		if one == nil {
			one = &seriesOfRoute{last: map[string]reading{}}
		}
		one.sample(now, r.Backends)
		present[r.Name] = one
	}
	s.routes = present
}

func (s *seriesOfRoute) sample(now time.Time, backends []Backend) {
	names := make([]string, len(backends))
	for i, b := range backends {
		names[i] = b.Name
	}
	first := s.names == nil
	if !slices.Equal(names, s.names) {
		s.rename(names)
	}
	row := seriesRow{at: now, points: make([]point, len(backends))}
	next := make(map[string]reading, len(backends))
	for i, b := range backends {
		t := b.Meter.Totals()
		is := reading{meter: b.Meter, requests: t.Requests, errors: t.Errors, latency: t.Latency}
		was := s.last[b.Name]
		if was.meter != b.Meter { // a reload made another one, which began at nothing
			was = reading{}
		}
		row.points[i] = is.since(&was, b.Weight)
		next[b.Name] = is
	}
	s.last = next
	if first {
		return
	}
	if s.rows = append(s.rows, row); len(s.rows) >= seriesKeep+seriesKeep/8 {
		s.rows = slices.Clone(s.rows[len(s.rows)-seriesKeep:])
	}
}

// since is what was gained; requests that were taken back (metrics.Counts) gain nothing.
func (r *reading) since(was *reading, w rollout.Weight) point {
	p := point{requests: gained(r.requests, was.requests), errors: gained(r.errors, was.errors), weight: uint16(w), known: true}
	h := r.latency
	h.Sub(&was.latency)
	for i, q := range [...]float64{0.5, 0.95, 0.99} {
		p.latency[i] = float32(h.Quantile(q).Seconds())
	}
	return p
}

func gained(is, was uint64) uint32 { return uint32(min(max(is, was)-was, 1<<32-1)) }

// rename puts the points of the rows in the order of other names. What is no longer there is forgotten.
func (s *seriesOfRoute) rename(names []string) {
	for i := range s.rows {
		points := make([]point, len(names))
		for j, name := range names {
			if old := slices.Index(s.names, name); old >= 0 {
				points[j] = s.rows[i].points[old]
			}
		}
		s.rows[i].points = points
	}
	s.names = names
}

// SeriesObject is the answer to GET /api/v1/routes/{route}/series: columns of equal length, the oldest first. Entry i is of the time
// between At[i-1] and At[i].
type SeriesObject struct {
	Route    string           `json:"route"`
	Every    rollout.Duration `json:"every"`
	At       []time.Time      `json:"at"`
	Backends []SeriesBackend  `json:"backends"`
}

// SeriesBackend is one backend's columns: first attempts, and latencies of answers, which are null without any. All are null where the route did not
// have the backend.
type SeriesBackend struct {
	Name     string              `json:"name"`
	Weight   []*rollout.Weight   `json:"weight"`
	Requests []*uint32           `json:"requests"`
	Errors   []*uint32           `json:"errors"`
	P50      []*rollout.Duration `json:"p50"`
	P95      []*rollout.Duration `json:"p95"`
	P99      []*rollout.Duration `json:"p99"`
}

// series answers a route's last hour, or what of it is newer than ?since=.
func (s *Server) seriesOf(r *http.Request) (any, error) {
	route, err := s.find(r)
	if err != nil {
		return nil, err
	}
	var since time.Time
	if text := r.URL.Query().Get("since"); text != "" {
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, problem(http.StatusBadRequest, "since=%s is no time (RFC 3339)", text)
		}
	}
	return s.series.object(route.Name, since), nil
}

func (s *series) object(route string, since time.Time) SeriesObject {
	o := SeriesObject{Route: route, Every: rollout.Duration(seriesEvery), At: []time.Time{}, Backends: []SeriesBackend{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.routes[route]
	if one == nil {
		return o
	}
	rows := one.rows[max(0, len(one.rows)-seriesKeep):]
	from := slices.IndexFunc(rows, func(r seriesRow) bool { return r.at.Truncate(time.Millisecond).After(since) })
	if from < 0 {
		from = len(rows)
	}
	rows = rows[from:]
	for _, r := range rows {
		o.At = append(o.At, r.at.UTC().Truncate(time.Millisecond))
	}
	for i, name := range one.names {
		o.Backends = append(o.Backends, columns(name, rows, i))
	}
	return o
}

func columns(name string, rows []seriesRow, i int) SeriesBackend {
	n := len(rows)
	b := SeriesBackend{
		Name: name, Weight: make([]*rollout.Weight, n), Requests: make([]*uint32, n), Errors: make([]*uint32, n),
		P50: make([]*rollout.Duration, n), P95: make([]*rollout.Duration, n), P99: make([]*rollout.Duration, n),
	}
	for j, r := range rows {
		p := r.points[i]
		if !p.known {
			continue
		}
		b.Weight[j], b.Requests[j], b.Errors[j] = new(rollout.Weight(p.weight)), &p.requests, &p.errors
		for k, column := range [...][]*rollout.Duration{b.P50, b.P95, b.P99} {
			if p.latency[k] > 0 {
				column[j] = new(short(time.Duration(float64(p.latency[k]) * float64(time.Second))))
			}
		}
	}
	return b
}
