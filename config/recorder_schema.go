package config

import (
	"slices"
	"strconv"
	"strings"
)

// schema is what the recorder has seen as a JSON Schema (draft-07), and the keys of which it has seen no value.
func (r *recorder) schema() (root map[string]any, unseen []string) {
	root = r.describe("", &unseen)
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "Configuration of Sluice"
	slices.Sort(unseen)
	return root, slices.Compact(unseen)
}

// describe is the schema of what may stand at a path.
func (r *recorder) describe(path string, unseen *[]string) map[string]any {
	s := r.shapes[path]
	for here, there := range r.same {
		if below, ok := strings.CutPrefix(path, here+"."); ok && r.shapes[there+"."+below] != nil {
			path = there + "." + below
			s = r.shapes[path]
		}
	}
	if s == nil {
		*unseen = append(*unseen, path)
		return map[string]any{"not": map[string]any{}}
	}
	if s.any {
		return map[string]any{}
	}
	var all []any
	for _, names := range s.objects {
		properties := map[string]any{}
		for _, name := range names {
			properties[name] = r.describe(inside(path, name), unseen)
		}
		all = append(all, map[string]any{"type": "object", "properties": properties, "additionalProperties": false})
	}
	if s.free && len(s.objects) == 0 {
		all = append(all, map[string]any{"type": "object", "additionalProperties": r.describe(inside(path, "*"), unseen)})
	}
	if s.list {
		all = append(all, map[string]any{"type": "array", "items": r.describe(path+"[]", unseen)})
	}
	for _, k := range s.scalars {
		all = append(all, k.schemas()...)
	}
	if len(all) == 1 {
		return all[0].(map[string]any)
	}
	return map[string]any{"anyOf": all}
}

func inside(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// schemas are what a value may be. A variable fills in any of them; a text may look like a number, as 1.10 does.
func (k scalarKind) schemas() []any {
	variable := map[string]any{"type": "string", "pattern": `\$\{`}
	switch {
	case k.words != nil:
		return []any{map[string]any{"enum": k.wordsAndNumbers()}, variable}
	case k.of == "bool":
		return []any{map[string]any{"type": "boolean"}, variable}
	case k.of == "int", k.of == "int64", k.of == "uint64":
		return []any{map[string]any{"type": []string{"integer", "string"}}}
	}
	return []any{map[string]any{"type": []string{"string", "number", "boolean"}}}
}

// wordsAndNumbers has 502 beside "502": YAML takes it for a number.
func (k scalarKind) wordsAndNumbers() []any {
	var all []any
	for _, w := range k.words {
		all = append(all, w)
		if n, err := strconv.Atoi(w); err == nil {
			all = append(all, n)
		}
	}
	return all
}
