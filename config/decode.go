package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// decoder walks a file's nodes into structs. Each struct has one function with one table of its keys; the table says what is
// known, what to suggest, and how a key is read. All mistakes are kept, none ends the walk.
type decoder struct {
	file  string
	env   func(string) (string, bool)
	found Findings
	// places of all keys and list entries that the file has, by path: where a finding about them stands.
	places map[string]place
	// errors holds the paths of all errors and of what they stand in.
	errors map[string]bool
	// aliased counts values reached through aliases, nested is how many aliases the walk is in.
	aliased, nested int
	// record is told what is asked for; nil is nobody.
	record *recorder
}

type place struct{ line, column int }

// value is a node with its key path. An alias is already resolved, except at a file's root.
type value struct {
	node *yaml.Node
	path string
}

// keys is the table of a struct: how each key is read.
type keys map[string]func(value)

func newDecoder(file string, env func(string) (string, bool)) *decoder {
	return &decoder{file: file, env: env, places: map[string]place{}, errors: map[string]bool{}}
}

// has says whether the file has this key.
func (d *decoder) has(path string) bool {
	_, ok := d.places[path]
	return ok
}

// errorf adds an error at the place of a path; its message begins with the path.
func (d *decoder) errorf(path, format string, args ...any) {
	d.add(Error, d.placeOf(path), path, format, args...)
}

func (d *decoder) warnf(path, format string, args ...any) {
	d.add(Warning, d.placeOf(path), path, format, args...)
}

func (d *decoder) add(s Severity, at place, path, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if path != "" {
		message = path + ": " + message
	}
	d.found = append(d.found, Finding{
		File: d.file, Line: at.line, Column: at.column, Severity: s, Path: path, Message: oneLine(message),
	})
	if s == Error {
		for d.errors[path] = true; path != ""; d.errors[path] = true {
			path = parent(path)
		}
	}
}

// broken says whether some error is about the path or something in it.
func (d *decoder) broken(path string) bool { return d.errors[path] }

// parent is the path of what a path stands in; "" is the file.
func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// placeOf is where the path stands, or what it would stand in.
func (d *decoder) placeOf(path string) place {
	for {
		if p, ok := d.places[path]; ok || path == "" {
			return p
		}
		path = parent(path)
	}
}

// object reads a map by its table of keys.
func (d *decoder) object(v value, table keys) {
	d.record.object(v.path, slices.Sorted(maps.Keys(table)))
	for _, p := range d.pairs(v) {
		if read, ok := table[p.name]; ok {
			read(p.value)
			continue
		}
		d.add(Error, placeAt(p.key), p.value.path, "unknown key %s%s", quote(p.name), suggestion(p.name, slices.Sorted(maps.Keys(table))))
	}
}

// each reads a list; every entry has the path `list[0]`.
func (d *decoder) each(v value, read func(i int, entry value)) {
	if !d.kind(v, yaml.SequenceNode) {
		return
	}
	d.record.list(v.path)
	for i, n := range v.node.Content {
		path := fmt.Sprintf("%s[%d]", v.path, i)
		d.places[path] = placeAt(n)
		d.follow(value{node: n, path: path}, func(entry value) { read(i, entry) })
	}
}

// pair is an entry of a map.
type pair struct {
	key   *yaml.Node
	name  string
	value value
}

// pairs are the entries of a map in the file's order, those of `<<` after its own; each name once.
func (d *decoder) pairs(v value) []pair {
	if !d.kind(v, yaml.MappingNode) {
		return nil
	}
	d.record.free(v.path)
	var own, merged []pair
	lines := map[string]int{}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key, n := v.node.Content[i], v.node.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.Tag == "!!merge" {
			merged = append(merged, d.merge(value{node: n, path: v.path})...)
			continue
		}
		p, ok := d.pair(v.path, key, n)
		if !ok {
			continue
		}
		if first, twice := lines[p.name]; twice {
			d.add(Error, placeAt(key), p.value.path, "duplicate key %s, first in line %d; remove one", quote(p.name), first)
			continue
		}
		lines[p.name] = key.Line
		own = append(own, p)
	}
	for _, p := range merged {
		if _, taken := lines[p.name]; !taken {
			lines[p.name] = p.key.Line
			own = append(own, p)
		}
	}
	return d.resolved(own)
}

// pair names an entry and notes its place: that of the value where it is one text, else that of the key.
func (d *decoder) pair(in string, key, n *yaml.Node) (pair, bool) {
	if key.Kind != yaml.ScalarNode || isNull(key) {
		d.add(Error, placeAt(key), in, "a key must be a text, not empty, a list, a map or an alias")
		return pair{}, false
	}
	path := key.Value
	if in != "" {
		path = in + "." + key.Value
	}
	return pair{key: key, name: key.Value, value: value{node: n, path: path}}, true
}

// resolved notes the places of entries and replaces aliases by what they stand for.
func (d *decoder) resolved(pairs []pair) []pair {
	out := pairs[:0]
	for _, p := range pairs {
		at := placeAt(p.key)
		if p.value.node.Kind == yaml.ScalarNode && !isNull(p.value.node) {
			at = placeAt(p.value.node)
		}
		if _, known := d.places[p.value.path]; !known {
			d.places[p.value.path] = at
		}
		n, ok := d.alias(p.value)
		if ok {
			p.value.node = n
			out = append(out, p)
		}
	}
	return out
}

// kind checks that a value is a map or a list.
func (d *decoder) kind(v value, want yaml.Kind) bool {
	n := v.node
	if n.Kind == want && knownTag(n) {
		return true
	}
	needed := "a map is needed, keys with values"
	if want == yaml.SequenceNode {
		needed = "a list is needed, like [a, b] or lines that begin with a dash"
	}
	if isNull(n) {
		needed = "give it one or leave the key out"
	}
	d.add(Error, d.placeOf(v.path), v.path, "%s; %s", describe(n), needed)
	return false
}

// scalar is the text of a value, variables filled in.
func (d *decoder) scalar(v value) (string, bool) {
	n := v.node
	if n.Kind != yaml.ScalarNode || isNull(n) || !knownTag(n) {
		needed := "one value is needed"
		if isNull(n) {
			needed = "give it one or leave the key out"
		}
		d.add(Error, d.placeOf(v.path), v.path, "%s; %s", describe(n), needed)
		return "", false
	}
	text, err := expand(n.Value, d.env)
	if err == nil && (!utf8.ValidString(text) || strings.ContainsRune(text, 0)) {
		err = errors.New("holds bytes that are no text")
	}
	if err != nil {
		d.add(Error, placeAt(n), v.path, "%s %v", quote(n.Value), err)
		return "", false
	}
	return text, true
}

func placeAt(n *yaml.Node) place { return place{line: n.Line, column: n.Column} }
