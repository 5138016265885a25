package admin

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"sluice/metrics"
	"sluice/rollout"
	"sluice/selector"
)

// collector reads the meters and the rollouts when somebody scrapes; between scrapes it costs nothing.
type collector struct {
	*families
	proxy    Proxy
	process  *metrics.Process
	unrouted *metrics.Meter
	build    Build
	journal  *journal

	writeErrors func() uint64 // of the journal's file; nil is none
	dropped     func() uint64 // lines of the access log; nil is none
	pending     func() int    // decisions in outboxes; nil is none
}

func newRegistry(c Config) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{
			families: newFamilies(), proxy: c.Proxy, process: c.Process, unrouted: c.Unrouted, build: c.Build,
			journal: newJournal(time.Now()), writeErrors: c.JournalErrors, dropped: c.AccessLogDropped, pending: c.Pending,
		},
	)
	return r
}

// Describe lists the families.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.all {
		ch <- d
	}
}

// Collect reads everything once.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	out := sink(ch)
	for _, r := range c.proxy.Routes() {
		c.backends(out, r)
		c.visitors(out, r)
		if r.Rollout {
			c.rollout(out, r)
		}
		if r.Control != nil {
			c.decided(out, r)
		}
	}
	if c.unrouted != nil {
		totals := c.unrouted.Totals()
		c.answers(out, "", "", &totals)
	}
	for kind, n := range c.process.ClientErrors() {
		out.counter(c.clientErrors, n, metrics.ClientError(kind).String())
	}
	taken, failed := c.process.KeyFetches()
	out.counter(c.keyFetches, taken, "success")
	out.counter(c.keyFetches, failed, "failure")
	out.counter(c.panics, c.process.Panics())
	if c.dropped != nil {
		out.counter(c.accessDropped, c.dropped())
	}
	if c.writeErrors != nil {
		out.counter(c.journalErrors, c.writeErrors())
	}
	if c.pending != nil {
		out.gauge(c.outbox, float64(c.pending()))
	}
	c.about(out)
}

func (c *collector) about(out sink) {
	reloads := c.proxy.Reloads()
	out.counter(c.reloads, reloads.Succeeded, "success")
	out.counter(c.reloads, reloads.Failed, "failure")
	if at := reloads.LastSuccess; !at.IsZero() {
		out.gauge(c.lastReload, float64(at.UnixMilli())/1000)
	}
	tls := c.proxy.Certificates()
	out.counter(c.tlsReloads, tls.Taken, "success")
	out.counter(c.tlsReloads, tls.Refused, "failure")
	out.counter(c.tlsOrders, tls.Issued, "success")
	out.counter(c.tlsOrders, tls.Unissued, "failure")
	for _, e := range tls.Expiries {
		out.gauge(c.certificate, float64(e.NotAfter.Unix()), e.Listener, e.File)
	}
	out.gauge(c.families.build, 1, c.build.Version, c.build.Revision, c.build.Go)
}

// trafficWindow is what the traffic ratio looks back on; meters keep somewhat more.
const trafficWindow = 30 * time.Second

func (c *collector) backends(out sink, r Route) {
	now := metrics.Now()
	recent := make([]uint64, len(r.Backends))
	var all uint64
	for i, b := range r.Backends {
		window := b.Meter.Window(now.Add(-trafficWindow), now)
		for _, counts := range window.Counts {
			recent[i] += counts.Requests
		}
		all += recent[i]
	}
	for i, b := range r.Backends {
		totals := b.Meter.Totals()
		c.answers(out, r.Name, b.Name, &totals)
		c.events(out, r.Name, b.Name, &totals)
		c.endpoints(out, r.Name, b)
		c.uses(out, r.Name, b)
		out.gauge(c.weight, float64(b.Weight)/float64(rollout.Full), r.Name, b.Name)
		if all > 0 {
			out.gauge(c.traffic, float64(recent[i])/float64(all), r.Name, b.Name)
		}
	}
}

func (c *collector) answers(out sink, route, backend string, totals *metrics.Totals) {
	for _, a := range totals.Answers {
		out.counter(c.requests, a.Count, route, backend, strconv.Itoa(a.Code), a.Method.String())
	}
	h := &totals.Latency
	buckets := make(map[float64]uint64, len(bounds))
	for _, bound := range bounds {
		buckets[bound.Seconds()] = h.Count() - h.Above(bound)
	}
	out <- prometheus.MustNewConstHistogram(c.duration, h.Count(), h.Sum(), buckets, route, backend)
}

// bounds of the classic histogram, chosen for people; the meter's own buckets are far finer.
var bounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
	5 * time.Second, 10 * time.Second, 30 * time.Second,
}

func (c *collector) events(out sink, route, backend string, totals *metrics.Totals) {
	for reason, n := range totals.Selections[:selector.NumReasons] {
		out.counter(c.selections, n, route, backend, selector.Reason(reason).String())
	}
	for reason, n := range totals.Retries {
		out.counter(c.retries, n, route, backend, metrics.RetryReason(reason).String())
	}
	for result, n := range totals.Mirrored {
		if totals.Mirrored == [metrics.NumMirrorResults]uint64{} {
			break // it is nobody's mirror
		}
		out.counter(c.mirrored, n, route, backend, metrics.MirrorResult(result).String())
	}
	for kind, n := range totals.UpstreamErrors {
		out.counter(c.upstreamErrors, n, route, backend, metrics.UpstreamError(kind).String())
	}
}

func (c *collector) endpoints(out sink, route string, b Backend) {
	var inFlight int64
	shown := make(map[string]bool, len(b.Endpoints)) // an address may stand twice, a series may not
	for _, e := range b.Endpoints {
		inFlight += e.InFlight
		if !shown[e.URL] {
			shown[e.URL] = true
			out.flag(c.endpointUp, e.Healthy, route, b.Name, e.URL)
		}
	}
	out.gauge(c.inFlight, float64(inFlight), route, b.Name)
	out.counter(c.dnsFailures, b.FailedLookups, route, b.Name)
}

// sink takes the metrics of one scrape.
type sink chan<- prometheus.Metric

func (s sink) counter(d *prometheus.Desc, v uint64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func (s sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (s sink) flag(d *prometheus.Desc, on bool, labels ...string) {
	v := 0.0
	if on {
		v = 1
	}
	s.gauge(d, v, labels...)
}
