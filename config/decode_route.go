package config

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

func (d *decoder) route(v value, r *Route) {
	d.object(v, keys{
		"name":      one(d, &r.Name, parseRouteName),
		"match":     d.conditions(&r.Match),
		"backends":  func(v value) { d.backends(v, &r.Backends) },
		"weights":   func(v value) { d.weights(v, r) },
		"sticky":    into(&r.Sticky, d.sticky),
		"select":    listOf(d, &r.Select, defaultRule, d.rule),
		"fallback":  one(d, &r.Fallback, parseName),
		"timeout":   one(d, &r.Timeout, parseDuration),
		"headers":   maybe(&r.Headers, Headers{}, d.headers),
		"rewrite":   maybe(&r.Rewrite, Rewrite{}, d.rewrite),
		"redirect":  maybe(&r.Redirect, Redirect{Status: 308}, d.redirect),
		"cors":      maybe(&r.CORS, CORS{}, d.cors),
		"fault":     maybe(&r.Fault, Fault{}, d.fault),
		"retry":     maybe(&r.Retry, defaultRetry(), d.retry),
		"rescue":    maybe(&r.Rescue, Rescue{BodyBytes: 64 << 10}, d.rescue),
		"mirror":    maybe(&r.Mirror, defaultMirror(), d.mirror),
		"override":  maybe(&r.Override, defaultOverride(), d.override),
		"resources": maybe(&r.Resources, Resources{Source: "orca"}, d.resources),
		"rollout":   maybe(&r.Rollout, defaultRollout(), d.rollout),

		"conversion": maybe(&r.Conversion, Conversion{Within: defaultWithin}, d.conversion),
	})
	d.required(v, "name", "like name: checkout")
	if r.Redirect == nil {
		d.required(v, "backends", "like backends: {stable: {endpoints: [http://10.0.0.11:8080]}}")
	}
	r.completeStrategy()
	if !d.has(v.path+".weights") && r.Rollout == nil {
		r.Weights = defaultWeights(r.Backends)
	}
	if !d.has(v.path + ".fallback") {
		r.Fallback = defaultFallback(r)
	}
}

// required adds an error when a map lacks a key.
func (d *decoder) required(v value, name, example string) {
	if v.node.Kind == yaml.MappingNode && !d.has(v.path+"."+name) {
		d.errorf(v.path, "%s is missing; write it %s", name, example)
	}
}

func (d *decoder) backends(v value, to *[]Backend) {
	for _, p := range d.pairs(v) {
		b := defaultBackend()
		b.Name = p.name
		if _, err := parseName(p.name); err != nil {
			d.add(Error, placeAt(p.key), p.value.path, "%s %v", quote(p.name), err)
		}
		d.backend(p.value, &b)
		*to = append(*to, b)
	}
	if v.node.Kind == yaml.MappingNode && len(v.node.Content) == 0 {
		d.errorf(v.path, "there is no backend; write one, like stable: {endpoints: [http://10.0.0.11:8080]}")
	}
}

func (d *decoder) backend(v value, b *Backend) {
	d.object(v, keys{
		"endpoints":     func(v value) { d.endpoints(v, &b.Endpoints) },
		"version":       one(d, &b.Version, parseVersion),
		"healthCheck":   maybe(&b.HealthCheck, defaultHealthCheck(), d.healthCheck),
		"loadBalancing": one(d, &b.LoadBalancing, oneOf([]string{"leastRequest", "roundRobin", "random", "consistentHash"})),
		"outlier":       maybe(&b.Outlier, defaultOutlier(), d.outlier),
		"slowStart":     one(d, &b.SlowStart, parseDuration),
		"tls":           maybe(&b.TLS, BackendTLS{}, d.backendTLS),
		"timeouts":      into(&b.Timeouts, d.timeouts),
		"connections":   into(&b.Connections, d.connections),
	})
	d.required(v, "endpoints", "like endpoints: [http://10.0.0.11:8080]")
	if https := func(e string) bool { return strings.HasPrefix(e, "https:") }; b.TLS != nil && !slices.ContainsFunc(b.Endpoints, https) && !d.broken(v.path) {
		d.errorf(v.path+".tls", "says nothing, as no endpoint is https; write them like https://10.0.0.11:8443")
	}
}

func (d *decoder) endpoints(v value, to *[]string) {
	some(d, to, parseEndpoint)(v)
	first := map[string]bool{}
	for _, e := range *to {
		if at := canonical(e); first[at] {
			d.errorf(v.path, "%s is named twice; name each endpoint once", quote(e))
		} else {
			first[at] = true
		}
	}
}

// canonical is an endpoint in one of its two ways of writing, so that equal ones compare equal.
func canonical(endpoint string) string {
	e := strings.ToLower(endpoint)
	if strings.HasPrefix(e, "dns+srv:") {
		return e
	}
	if strings.LastIndexByte(e, ':') > max(len("https:"), strings.LastIndexByte(e, ']')) {
		return e
	}
	if strings.HasPrefix(e, "https:") {
		return e + ":443"
	}
	return e + ":80"
}

func (d *decoder) healthCheck(v value, h *HealthCheck) {
	d.object(v, keys{
		"type":           one(d, &h.Type, oneOf([]string{"http", "tcp", "grpc"})),
		"service":        one(d, &h.Service, parseService),
		"path":           one(d, &h.Path, parseRequestPath),
		"interval":       one(d, &h.Interval, positive(parseDuration)),
		"timeout":        one(d, &h.Timeout, positive(parseDuration)),
		"unhealthyAfter": one(d, &h.UnhealthyAfter, parseCount(1)),
		"healthyAfter":   one(d, &h.HealthyAfter, parseCount(1)),
	})
	for name, kind := range map[string]string{"path": "http", "service": "grpc"} {
		if at := v.path + "." + name; d.has(at) && h.Type != kind && !d.broken(v.path) {
			d.errorf(at, "says nothing with type: %s; remove it, or write type: %s", h.Type, kind)
		}
	}
}

// parseRequestPath reads what stands in a request line: a path, perhaps with a query.
func parseRequestPath(s string) (string, error) {
	if !strings.HasPrefix(s, "/") {
		return "", errors.New("must begin with /, like /healthz")
	}
	if strings.ContainsAny(s, " \t#") {
		return "", errors.New("must not hold spaces or #; write them percent-encoded")
	}
	return s, printable(s)
}

func (d *decoder) timeouts(v value, t *Timeouts) {
	d.object(v, keys{
		"connect":   one(d, &t.Connect, positive(parseDuration)),
		"firstByte": one(d, &t.FirstByte, parseDuration),
		"idle":      one(d, &t.Idle, parseDuration),
	})
}

func (d *decoder) connections(v value, c *Connections) {
	d.object(v, keys{
		"maxIdlePerEndpoint": one(d, &c.MaxIdlePerEndpoint, parseCount(0)),
		"max":                one(d, &c.Max, parseCount(0)),
		"idleTimeout":        one(d, &c.IdleTimeout, parseDuration),
	})
}

// weights are shares by backend; whether the names and the sum are right is a rule.
func (d *decoder) weights(v value, r *Route) {
	pairs := d.pairs(v)
	if v.node.Kind != yaml.MappingNode {
		return
	}
	r.Weights = make(map[string]Percent, len(pairs))
	for _, p := range pairs {
		var w Percent
		one(d, &w, parsePercent)(p.value)
		r.Weights[p.name] = w
	}
}

func (d *decoder) sticky(v value, s *Sticky) {
	d.object(v, keys{
		"by":     func(v value) { d.stickyBy(v, &s.By) },
		"cookie": into(&s.Cookie, d.cookie),
		"header": one(d, &s.Header, parseToken),
		"query":  one(d, &s.Query, parseText),
	})
}

// stickyBy is one source or a list of them; `none` is the empty list.
func (d *decoder) stickyBy(v value, by *[]string) {
	source := oneOf([]string{"identity", "cookie", "header", "query", "clientIP", "none"})
	if v.node.Kind == yaml.SequenceNode {
		some(d, by, source)(v)
	} else {
		var s string
		one(d, &s, source)(v)
		*by = []string{s}
	}
	seen := map[string]bool{}
	for _, s := range *by {
		if seen[s] {
			d.errorf(v.path, "%s is named twice", quote(s))
		}
		seen[s] = true
	}
	if seen["none"] && len(*by) > 1 {
		d.errorf(v.path, `"none" stands with other sources; write it alone or not at all`)
	}
	if seen["none"] || seen[""] {
		*by = nil
	}
}

func (d *decoder) cookie(v value, c *Cookie) {
	d.object(v, keys{
		"name":        one(d, &c.Name, parseToken),
		"ttl":         one(d, &c.TTL, parseTTL),
		"domain":      one(d, &c.Domain, parseCookieDomain),
		"path":        one(d, &c.Path, parseCookiePath),
		"secure":      one(d, &c.Secure, oneOf([]string{"auto", "true", "false"})),
		"httpOnly":    one(d, &c.HTTPOnly, parseBool),
		"signKeyFile": one(d, &c.SignKeyFile, func(s string) (string, error) { return s, printable(s) }),
		"sameSite":    one(d, &c.SameSite, oneOf([]string{"Lax", "Strict", "None"})),
	})
}

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = strconv.Quote(n)
	}
	return strings.Join(quoted, ", ")
}
