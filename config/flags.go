package config

import (
	"encoding/json"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// Flag is a feature flag: which variant a user has is which backend the route sends the user to.
type Flag struct {
	// Name is the flag's key.
	Name string
	// Route whose rules and draw decide. Required.
	Route string
	// Variants are the values by the backend's name, one for each backend of the route, all of one kind. Required.
	Variants []Variant
}

// Variant is the value of a flag for the users of a backend.
type Variant struct {
	// Backend is its name.
	Backend string
	// Value is JSON: a boolean, a string, a number or an object.
	Value json.RawMessage
}

func (d *decoder) flags(v value, to *[]Flag) {
	*to = nil
	for _, p := range d.pairs(v) {
		if p.name == "" {
			d.add(Error, placeAt(p.key), p.value.path, "a flag needs a name")
		}
		f := Flag{Name: p.name}
		d.object(p.value, keys{
			"route":    one(d, &f.Route, parseName),
			"variants": func(v value) { d.variants(v, &f.Variants) },
		})
		d.required(p.value, "route", "like route: checkout")
		d.required(p.value, "variants", "like variants: {stable: false, canary: true}")
		*to = append(*to, f)
	}
}

func (d *decoder) variants(v value, to *[]Variant) {
	first := ""
	d.record.free(v.path)
	d.record.any(inside(v.path, "*"))
	for _, p := range d.pairs(v) {
		raw, kind, ok := d.flagValue(p.value)
		switch {
		case !ok:
			continue
		case kind == "list":
			d.errorf(p.value.path, "a list is no flag's value; write true or false, a text, a number or a map")
			continue
		case first == "":
			first = kind
		case kind != first:
			d.errorf(p.value.path, "is a %s, but the first variant is a %s; applications ask for one kind", kind, first)
		}
		*to = append(*to, Variant{Backend: p.name, Value: raw})
	}
}

// flagValue is a value as JSON, and its kind.
func (d *decoder) flagValue(v value) (raw json.RawMessage, kind string, ok bool) {
	switch v.node.Kind {
	case yaml.MappingNode:
		object := map[string]json.RawMessage{}
		ok = true
		for _, p := range d.pairs(v) {
			field, _, good := d.flagValue(p.value)
			object[p.name], ok = field, ok && good
		}
		raw, kind = mustJSON(object), "map"
	case yaml.SequenceNode:
		list := []json.RawMessage{}
		ok = true
		d.each(v, func(_ int, entry value) {
			item, _, good := d.flagValue(entry)
			list, ok = append(list, item), ok && good
		})
		raw, kind = mustJSON(list), "list"
	default:
		var text string
		if text, ok = d.scalar(v); !ok {
			return nil, "", false
		}
		raw, kind = scalarJSON(v.node.Tag, text)
	}
	return raw, kind, ok
}

// scalarJSON is a boolean or a number where YAML has one, else a text.
func scalarJSON(tag, text string) (json.RawMessage, string) {
	switch {
	case tag == "!!bool" && (text == "true" || text == "false"):
		return json.RawMessage(text), "boolean"
	case (tag == "!!int" || tag == "!!float") && json.Valid([]byte(text)):
		return json.RawMessage(text), "number"
	}
	return mustJSON(text), "text"
}

func mustJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("bug: a value read from YAML is no JSON: " + err.Error())
	}
	return raw
}

// flagRules checks that a flag's route and backends exist, and that every backend has a variant.
func (d *decoder) flagRules(c *Config) {
	var routes []string
	for i := range c.Routes {
		routes = append(routes, c.Routes[i].Name)
	}
	for i := range c.Flags {
		f, path := &c.Flags[i], "flags."+c.Flags[i].Name
		at := slices.Index(routes, f.Route)
		if d.broken(path) || at >= 0 && d.broken(fmt.Sprintf("routes[%d].backends", at)) {
			continue
		}
		if at < 0 {
			d.errorf(path+".route", "there is no route %s%s", quote(f.Route), suggestion(f.Route, routes))
			continue
		}
		backends := backendNames(&c.Routes[at])
		if len(backends) == 0 {
			d.errorf(path+".route", "route %s has no backends, so there is nothing to choose", quote(f.Route))
			continue
		}
		var named []string
		for _, v := range f.Variants {
			named = append(named, v.Backend)
			if !slices.Contains(backends, v.Backend) {
				d.errorf(path+".variants."+v.Backend, "there is no backend %s%s", quote(v.Backend), suggestion(v.Backend, backends))
			}
		}
		for _, b := range backends {
			if !slices.Contains(named, b) {
				d.errorf(path+".variants", "backend %s of route %s has no variant; give it one", quote(b), quote(f.Route))
			}
		}
	}
}

// flagWarnings looks for flags that can't agree with what requests get.
func (d *decoder) flagWarnings(c *Config) {
	for i := range c.Flags {
		f := &c.Flags[i]
		for j := range c.Routes {
			if r := &c.Routes[j]; r.Name == f.Route && len(r.Sticky.By) == 0 {
				d.warnf("flags."+f.Name+".route", "%s draws every request afresh, so a user's requests and this flag differ; write sticky: {by: identity} there",
					quote(f.Route))
			}
		}
	}
}
