package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Call is how a provider of numbers is asked.
type Call struct {
	// URL is http or https, and may hold a user and a password. Required.
	URL string
	// Timeout of one call. Default 5s, or the interval where that is shorter.
	Timeout time.Duration
	// TokenFile holds a bearer token, a path relative to the configuration's folder. Default: none is sent.
	TokenFile string
	// AllowLinkLocal lets the address be a link-local one. Default false.
	AllowLinkLocal bool
}

// PrometheusQuery is asked of a Prometheus server, as an instant query.
type PrometheusQuery struct {
	Call
	// Query in PromQL, with one number for its result. Required.
	Query string
}

// HTTPValue is a number in a JSON document.
type HTTPValue struct {
	Call
	// Value is where the number stands, like $.data[0].score. Default "$", the document is the number.
	Value string
	// Path is the same: texts are names, ints are indices.
	Path []any
}

// Sampled says that the check is a limit on a number that is asked for now and then: its failed samples are counted.
func (c *Check) Sampled() bool { return c.OfHosts() || c.Prometheus != nil || c.HTTP != nil }

// OfHosts says that the number is the use of the backends' hosts, which the route's resources say.
func (c *Check) OfHosts() bool { return c.Metric == "cpu" || c.Metric == "memory" }

// ownMetrics are measured here; no provider's number has one of these names.
var ownMetrics = []string{"error-rate", "latency", "conversion-rate", "cpu", "memory"}

func defaultCall() Call { return Call{Timeout: 5 * time.Second} }

func (d *decoder) call(v value, c *Call, more keys) {
	table := keys{
		"url":            secret(d, &c.URL, parseCallURL),
		"timeout":        one(d, &c.Timeout, parsePatience),
		"tokenFile":      one(d, &c.TokenFile, parseText),
		"allowLinkLocal": one(d, &c.AllowLinkLocal, parseBool),
	}
	for name, read := range more {
		table[name] = read
	}
	d.object(v, table)
}

func (d *decoder) prometheusQuery(v value, q *PrometheusQuery) {
	d.call(v, &q.Call, keys{"query": one(d, &q.Query, parseQuery)})
	d.required(v, "url", "like url: http://prometheus:9090")
	d.required(v, "query", "like query: 'max(queue_depth)'")
}

func (d *decoder) httpValue(v value, h *HTTPValue) {
	d.call(v, &h.Call, keys{"value": func(v value) {
		one(d, &h.Value, func(s string) (_ string, err error) {
			h.Path, err = parsePlace(s)
			return s, err
		})(v)
	}})
	d.required(v, "url", "like url: http://metrics.example.com/nps")
}

// parseQuery lets a query have several lines.
func parseQuery(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", errors.New("is empty")
	}
	return s, nil
}

// parsePlace reads what JSONPath has for one place: $, then .name, ['name'] or [0] (RFC 9535, singular queries).
func parsePlace(s string) ([]any, error) {
	wrong := errors.New("is no place in a JSON document; write it like $.data[0].score")
	rest, ok := strings.CutPrefix(s, "$")
	if !ok {
		return nil, wrong
	}
	var path []any
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, "['"):
			end := strings.Index(rest, "']")
			if end < 0 {
				return nil, wrong
			}
			path, rest = append(path, rest[2:end]), rest[end+2:]
		case rest[0] == '[':
			digits, after, closed := strings.Cut(rest[1:], "]")
			n, err := strconv.Atoi(digits)
			if !closed || !isDigits(digits) || err != nil {
				return nil, wrong
			}
			path, rest = append(path, n), after
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[") + 1
			if end == 0 {
				end = len(rest)
			}
			name := rest[1:end]
			if name == "" || strings.ContainsAny(name, "*?@$()'\" ]") {
				return nil, wrong
			}
			path, rest = append(path, name), rest[end:]
		default:
			return nil, wrong
		}
	}
	return path, nil
}

// sampledKeys are a check's keys whose meaning only its metric tells, and those that sampled checks alone have.
type sampledKeys struct{ metric, max, min, interval, onError value }

// metric reads a check's metric, when it is known whether its number comes from outside.
func (d *decoder) metric(v value, c *Check) {
	if v.node == nil {
		return
	}
	if c.Prometheus != nil || c.HTTP != nil {
		one(d, &c.Metric, parseOutsideMetric)(v)
		return
	}
	one(d, &c.Metric, func(s string) (string, error) {
		_, err := oneOf([]string{"error-rate", "latency", "conversion-rate", "cpu", "memory"})(s)
		if err != nil && !slices.Contains(ownMetrics, s) {
			err = fmt.Errorf("%w; any other number needs prometheus or http, where it comes from", err)
		}
		return s, err
	})(v)
}

func parseOutsideMetric(s string) (string, error) {
	if slices.Contains(ownMetrics, s) {
		return "", errors.New("is a metric that is measured here; give the provider's number a name of its own, like app-" + s)
	}
	return parseName(s)
}

// sampledCheck reads what a sampled check has of its own; the keys of the others are errors.
func (d *decoder) sampledCheck(v value, c *Check, k *sampledKeys) {
	if c.Prometheus != nil && c.HTTP != nil {
		d.errorf(v.path+".http", "prometheus is there already, and a number has one source; remove one of the two")
	}
	for _, key := range []string{".quantile", ".maxIncrease", ".maxRatio", ".compare"} {
		if d.has(v.path + key) {
			d.errorf(v.path+key, "is about requests, and %s is sampled; remove the key", c.Metric)
		}
	}
	c.Compare, c.Interval = false, defaultSampleInterval
	readLimit(d, k.interval, &c.Interval, parseSampleInterval)
	for name, call := range c.calls() {
		if !d.has(v.path + name + ".timeout") {
			call.Timeout = min(call.Timeout, c.Interval)
		}
	}
	onError := "hold"
	readLimit(d, k.onError, &onError, oneOf([]string{"hold"}))
	c.Limited, c.Floored = k.max.node != nil, k.min.node != nil
	if c.OfHosts() {
		if c.Floored {
			d.errorf(k.min.path, "%s has no least value; write max, like 80%%", c.Metric)
		}
		if !c.Limited {
			d.errorf(v.path, "max is missing; write it like max: 80%%")
		}
		var most Percent
		readLimit(d, k.max, &most, parsePositivePercent)
		c.MaxValue = float64(most) / 100
		return
	}
	if !c.Limited && !c.Floored {
		d.errorf(v.path, "max and min are missing; write one of them, like max: 100")
	}
	readLimit(d, k.max, &c.MaxValue, parseNumber)
	readLimit(d, k.min, &c.MinValue, parseNumber)
	if c.Limited && c.Floored && c.MinValue > c.MaxValue && !d.broken(v.path) {
		d.errorf(k.min.path, "%v is above max, %v, so that every sample fails; exchange them", c.MinValue, c.MaxValue)
	}
}

// judgedCheck refuses the keys that sampled checks alone have.
func (d *decoder) judgedCheck(c *Check, k *sampledKeys) {
	if c.Metric == "" { // not known, which is said already
		return
	}
	for _, v := range []value{k.interval, k.onError} {
		if v.node != nil {
			d.errorf(v.path, "is for sampled checks, and %s is judged by every request; remove the key", c.Metric)
		}
	}
}

const (
	defaultSampleInterval          = 5 * time.Second
	defaultConsecutiveFailureLimit = 3
)

func parseSampleInterval(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err == nil && (d < 100*time.Millisecond || d > time.Hour) {
		return 0, errors.New("must be between 100ms and 1h")
	}
	return d, err
}

// parseNumber reads a provider's number, which has no unit.
func parseNumber(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, errors.New("is no number; write it without a unit, like 100 or 0.95")
	}
	return f, nil
}

// failureLimit is how many failed samples in all are no failure; off is nil.
func (d *decoder) failureLimit(v value, to **uint64) {
	*to = nil
	one(d, to, func(s string) (*uint64, error) {
		if s == "off" {
			return nil, nil
		}
		n, err := parseRequests(s)
		if err != nil {
			return nil, fmt.Errorf(`%w, or "off"`, err)
		}
		return &n, nil
	})(v)
}

// parseConsecutive reads how many failed samples in a row are a failure; off is 0.
func parseConsecutive(s string) (uint64, error) {
	if s == "off" {
		return 0, nil
	}
	n, err := parseCount(1)(s)
	if err != nil {
		return 0, fmt.Errorf(`%w, or "off"`, err)
	}
	return uint64(n), nil
}

// readTokens makes the paths of providers' tokens whole and says why one can't be used.
func (d *decoder) readTokens(r *Route, i int, folder string) {
	if r.Rollout == nil {
		return
	}
	for j := range r.Rollout.Analysis.Checks {
		for name, call := range r.Rollout.Analysis.Checks[j].calls() {
			d.readToken(fmt.Sprintf("routes[%d].rollout.analysis.checks[%d]%s.tokenFile", i, j, name), &call.TokenFile, folder)
		}
	}
}

func (d *decoder) readToken(path string, file *string, folder string) {
	if *file == "" {
		return
	}
	join(file, folder)
	src, err := readFile(*file)
	switch token := strings.TrimSpace(string(src)); {
	case err != nil:
		d.errorf(path, "%q %v", *file, err)
	case token == "":
		d.errorf(path, "%q is empty; write the token into it", *file)
	case printable(token) != nil:
		d.errorf(path, "%q has more than one line; write the token alone into it", *file)
	}
}

// neverFails says that no number of failed samples is too many.
func (a *Analysis) neverFails() bool { return a.FailureLimit == nil && a.ConsecutiveFailureLimit == 0 }

// least is how long a sampled check takes at least to fail.
func (a *Analysis) least(c *Check) time.Duration {
	n := a.ConsecutiveFailureLimit
	if f := a.FailureLimit; f != nil && (n == 0 || *f+1 < n) {
		n = *f + 1
	}
	return time.Duration(min(n, 1<<20)) * c.Interval
}

// sampledWarnings: samples that decide nothing, or later than their step is over.
func (d *decoder) sampledWarnings(r *Rollout, at string) {
	a := &r.Analysis
	for i := range a.Checks {
		c, path := &a.Checks[i], fmt.Sprintf("%s.analysis.checks[%d]", at, i)
		if !c.Sampled() || c.DryRun {
			continue
		}
		if a.neverFails() {
			d.warnf(path, "%s never rolls back: failureLimit and consecutiveFailureLimit are off; write consecutiveFailureLimit: 3", c.Name)
			continue
		}
		for j, s := range r.Steps {
			if least := a.least(c); s.Hold < least {
				d.warnf(d.stepPath(r, at, j), "a hold of %s is over before %s can fail, which takes %s (every %s); hold longer, or sample more often",
					inWords(s.Hold), c.Name, inWords(least), inWords(c.Interval))
				break
			}
		}
		for name, call := range c.calls() {
			if call.Timeout > c.Interval {
				d.warnf(path+name+".timeout", "%s is longer than the interval of %s, so that a slow answer leaves samples out; write %s or less",
					inWords(call.Timeout), inWords(c.Interval), inWords(c.Interval))
			}
		}
	}
}

// calls are what the check asks outside, by the key.
func (c *Check) calls() map[string]*Call {
	out := map[string]*Call{}
	if c.Prometheus != nil {
		out[".prometheus"] = &c.Prometheus.Call
	}
	if c.HTTP != nil {
		out[".http"] = &c.HTTP.Call
	}
	return out
}
