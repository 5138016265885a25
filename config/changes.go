package config

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Headers are what a route changes in heads that go through it.
type Headers struct {
	// Request is on the way to the backend, Response to the client.
	Request, Response HeaderChanges
}

// HeaderChanges are fields that are removed and written.
type HeaderChanges struct {
	// Set fields take the place of those of their name, Add ones stand beside them.
	Set, Add []Field
	// Remove holds names of fields that go.
	Remove []string
}

// Field is a header's line.
type Field struct{ Name, Value string }

// Rewrite is what the backend gets in place of the client's path and host.
type Rewrite struct {
	// Prefix takes the place of the path prefix in the route's match; "" leaves it. Default "".
	Prefix string
	// Host takes the place of the client's; "" leaves it. Default "".
	Host string
}

// Redirect answers in place of backends; what is left out stays as it was asked for, and the query always does.
type Redirect struct {
	// Scheme is http or https.
	Scheme string
	// Host with its port, if it needs one.
	Host string
	// Path takes the place of the whole path.
	Path string
	// Status is 301, 302, 303, 307 or 308. Default 308.
	Status int
}

func (d *decoder) headers(v value, h *Headers) {
	d.object(v, keys{
		"request":  into(&h.Request, d.headerChanges),
		"response": into(&h.Response, d.headerChanges),
	})
}

func (d *decoder) headerChanges(v value, c *HeaderChanges) {
	d.object(v, keys{
		"set":    func(v value) { d.fields(v, &c.Set) },
		"add":    func(v value) { d.fields(v, &c.Add) },
		"remove": list(d, &c.Remove, parseChangeable),
	})
}

func (d *decoder) fields(v value, to *[]Field) {
	for _, p := range d.pairs(v) {
		f := Field{Name: p.name}
		if _, err := parseChangeable(p.name); err != nil {
			d.add(Error, placeAt(p.key), p.value.path, "%s %v", quote(p.name), err)
		}
		one(d, &f.Value, parseFieldValue)(p.value)
		*to = append(*to, f)
	}
}

// parseChangeable reads the name of a field that a route may change: not those that say where a message ends or where it goes, nor
// those that the proxy answers for.
func parseChangeable(s string) (string, error) {
	if _, err := parseToken(s); err != nil {
		return "", err
	}
	low := strings.ToLower(s)
	switch {
	case low == "host":
		return "", errors.New("is changed by rewrite: {host: …}")
	case slices.Contains([]string{
		"connection", "content-length", "expect", "forwarded", "keep-alive", "proxy-authenticate", "proxy-authorization",
		"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "x-request-id",
	}, low), strings.HasPrefix(low, "x-forwarded-"), strings.HasPrefix(low, "sluice-"):
		return "", errors.New("is the proxy's own; leave it alone")
	}
	return s, nil
}

func parseFieldValue(s string) (string, error) {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return "", errors.New("holds a byte that is no printable ASCII")
		}
	}
	if strings.TrimSpace(s) != s {
		return "", errors.New("begins or ends with a space")
	}
	return s, nil
}

func (d *decoder) rewrite(v value, w *Rewrite) {
	d.object(v, keys{
		"prefix": one(d, &w.Prefix, parseTargetPath),
		"host":   one(d, &w.Host, parseAuthority),
	})
}

func (d *decoder) redirect(v value, r *Redirect) {
	d.object(v, keys{
		"scheme": one(d, &r.Scheme, oneOf([]string{"http", "https"})),
		"host":   one(d, &r.Host, parseAuthority),
		"path":   one(d, &r.Path, parseTargetPath),
		"status": one(d, &r.Status, parseRedirectStatus),
	})
	if v.node.Kind == yaml.MappingNode && r.Scheme+r.Host+r.Path == "" && !d.broken(v.path) {
		d.errorf(v.path, "leads where the client is already; write at least one of scheme, host and path")
	}
}

func parseRedirectStatus(s string) (int, error) {
	if !slices.Contains([]string{"301", "302", "303", "307", "308"}, s) {
		return 0, errors.New("is no redirect; write 301, 302, 303, 307 or 308")
	}
	return strconv.Atoi(s)
}

// parseTargetPath reads a path as it stands in a request line, without a query.
func parseTargetPath(s string) (string, error) {
	if strings.Contains(s, "?") {
		return "", errors.New("holds a query; the client's own goes on")
	}
	return parseRequestPath(s)
}

// parseAuthority reads a host, and perhaps a port.
func parseAuthority(s string) (string, error) {
	host := s
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		host = s[:i]
		if _, err := strconv.ParseUint(s[i+1:], 10, 16); err != nil {
			return "", errors.New("has no port after the colon; write it like internal.example:8080")
		}
	}
	if !isHost(strings.Trim(host, "[]")) {
		return "", errors.New("is no host; write it like internal.example or internal.example:8080")
	}
	return s, nil
}

// changeRules checks what needs backends, and what needs a prefix to change.
func (d *decoder) changeRules(r *Route, path string) {
	if r.Redirect != nil && !d.broken(path) {
		for _, name := range []string{"backends", "weights", "sticky", "select", "fallback", "retry", "rescue", "mirror", "headers", "rewrite", "cors", "fault", "resources", "conversion", "rollout", "timeout"} {
			if d.has(path + "." + name) {
				d.errorf(path+"."+name, "says nothing beside redirect, which answers by itself; remove one of them")
			}
		}
	}
	if r.Rewrite == nil || r.Rewrite.Prefix == "" || d.broken(path) {
		return
	}
	for _, m := range r.Match {
		if m.Path == nil || m.Path.Kind != Prefix {
			d.errorf(path+".rewrite.prefix", "takes the place of match.path.prefix, which an entry of match does not have; write match: [{path: {prefix: /a}}]")
			return
		}
	}
	if len(r.Match) == 0 {
		d.errorf(path+".rewrite.prefix", "takes the place of match.path.prefix, which this route does not have; write match: [{path: {prefix: /a}}]")
	}
}
