package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// conditions is a route's match list. An empty one would match nothing, or everything.
func (d *decoder) conditions(to *[]Condition) func(value) {
	return func(v value) {
		listOf(d, to, zero[Condition], d.condition)(v)
		if v.node.Kind == yaml.SequenceNode && len(v.node.Content) == 0 {
			d.errorf(v.path, "the list is empty; leave the key out to match every request")
		}
	}
}

func (d *decoder) condition(v value, c *Condition) {
	d.record.like(v.path, "routes[].match[]")
	d.object(v, d.conditionKeys(c))
}

func (d *decoder) conditionKeys(c *Condition) keys {
	return keys{
		"host":      one(d, &c.Host, parseHostPattern),
		"path":      maybe(&c.Path, Text{}, d.path),
		"methods":   some(d, &c.Methods, parseMethod),
		"headers":   func(v value) { d.named(v, &c.Headers, parseToken) },
		"cookies":   func(v value) { d.named(v, &c.Cookies, parseToken) },
		"query":     func(v value) { d.named(v, &c.Query, parseText) },
		"cidrs":     some(d, &c.CIDRs, parsePrefix),
		"listeners": some(d, &c.Listeners, parseName),
	}
}

// named reads conditions by name of a header, cookie or query parameter.
func (d *decoder) named(v value, to *[]Named, parse func(string) (string, error)) {
	for _, p := range d.pairs(v) {
		n := Named{Name: p.name}
		if _, err := parse(p.name); err != nil {
			d.add(Error, placeAt(p.key), p.value.path, "%s %v", quote(p.name), err)
		}
		d.text(p.value, &n.Text)
		*to = append(*to, n)
	}
	if v.node.Kind == yaml.MappingNode && len(v.node.Content) == 0 {
		d.errorf(v.path, "the map is empty; name at least one, or leave the key out")
	}
}

// text is one of exact, prefix, regex and present.
func (d *decoder) text(v value, t *Text) {
	set := func(kind TextKind, parse func(string) (string, error)) func(value) {
		return func(v value) {
			t.Kind = kind
			one(d, &t.Value, parse)(v)
		}
	}
	if v.node.Kind == yaml.ScalarNode && !isNull(v.node) {
		d.errorf(v.path, "%s is one value; did you mean {exact: %q}?", quote(v.node.Value), v.node.Value)
		return
	}
	d.object(v, keys{
		"exact":  set(Exact, anyText),
		"prefix": set(Prefix, parseText),
		"regex":  set(Regex, parseRegex),
		"present": set(Present, func(s string) (string, error) {
			if s != "true" {
				return "", errors.New("can only be true: a condition can't ask that something is absent")
			}
			return "", nil
		}),
	})
	d.exactlyOne(v, "exact", "prefix", "regex", "present")
}

// path is one of exact, prefix (by path elements) and regex.
func (d *decoder) path(v value, t *Text) {
	set := func(kind TextKind, parse func(string) (string, error)) func(value) {
		return func(v value) {
			t.Kind = kind
			one(d, &t.Value, parse)(v)
		}
	}
	d.object(v, keys{"exact": set(Exact, parsePath), "prefix": set(Prefix, parsePath), "regex": set(Regex, parseRegex)})
	d.exactlyOne(v, "exact", "prefix", "regex")
}

func anyText(s string) (string, error) { return s, nil }

// parsePath reads a path to compare with the normalised one of a request, which has no query.
func parsePath(s string) (string, error) {
	switch {
	case s == "*": // of OPTIONS
		return s, nil
	case !strings.HasPrefix(s, "/"):
		return "", fmt.Errorf("must begin with /; did you mean %q?", "/"+s)
	case strings.ContainsAny(s, "?#"):
		return "", errors.New("holds more than a path; conditions on the query stand under query")
	default:
		return s, printable(s)
	}
}

func parseRegex(s string) (string, error) {
	if s == "" {
		return "", errors.New("is empty")
	}
	if _, err := regexp.Compile(s); err != nil {
		return "", fmt.Errorf("is no regular expression (RE2): %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return s, nil
}

// parseMethod reads a method, in which case counts; the usual ones are in capitals.
func parseMethod(s string) (string, error) {
	if !token.MatchString(s) {
		return "", errors.New("is no method; write it like GET")
	}
	if up := strings.ToUpper(s); up != s {
		return "", fmt.Errorf("is not in capitals; did you mean %q?", up)
	}
	return s, nil
}
