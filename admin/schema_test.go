package admin_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// node is a piece of JSON.
type node = map[string]any

// document is the API's description.
var document = sync.OnceValues(func() (node, error) {
	var d node
	b, err := os.ReadFile("openapi.json")
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	return d, err
})

func openapi(t *testing.T) node {
	t.Helper()
	d, err := document()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// resolved follows a $ref into the document.
func resolved(d node, n any) node {
	m, _ := n.(node)
	for {
		ref, ok := m["$ref"].(string)
		if !ok {
			return m
		}
		at := d
		for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			at, _ = at[part].(node)
		}
		if at == nil {
			panic("bug: openapi.json has nothing at " + ref)
		}
		m = at
	}
}

// schema checks values as JSON Schema has it (2020-12), as far as openapi.json uses it. Where the standard lets unknown fields pass it
// does not: what is served is to be described.
type schema struct{ doc node }

// known are the keywords that check understands; description, default and examples say nothing about a value.
var known = []string{
	"$ref", "type", "enum", "const", "properties", "required", "additionalProperties", "items", "anyOf", "minimum", "maximum", "maxLength",
	"pattern", "format", "description", "default",
}

// check returns what is wrong with v, by its place.
func (s schema) check(at string, of, v any) (wrong []string) {
	n := resolved(s.doc, of)
	fail := func(format string, args ...any) { wrong = append(wrong, at+": "+fmt.Sprintf(format, args...)) }
	for key := range n {
		if !slices.Contains(known, key) {
			fail("the schema has %q, which this test does not understand", key)
		}
	}
	if want, ok := n["type"].(string); ok && typeOf(v) != want && (want != "number" || typeOf(v) != "integer") {
		fail("%v is %s, want %s", v, typeOf(v), want)
		return wrong
	}
	if list, ok := n["enum"].([]any); ok && !slices.Contains(list, v) {
		fail("%v is none of %v", v, list)
	}
	if c, ok := n["const"]; ok && c != v {
		fail("%v is not %v", v, c)
	}
	if list, ok := n["anyOf"].([]any); ok {
		var all []string
		fits := slices.ContainsFunc(list, func(one any) bool {
			w := s.check(at, one, v)
			all = append(all, w...)
			return len(w) == 0
		})
		if !fits {
			wrong = append(wrong, all...)
		}
	}
	switch v := v.(type) {
	case string:
		wrong = append(wrong, s.text(at, n, v)...)
	case float64:
		least, hasLeast := n["minimum"].(float64)
		most, hasMost := n["maximum"].(float64)
		if hasLeast && v < least || hasMost && v > most {
			fail("%v is not between %v and %v", v, n["minimum"], n["maximum"])
		}
	case []any:
		for i, entry := range v {
			wrong = append(wrong, s.check(fmt.Sprintf("%s[%d]", at, i), n["items"], entry)...)
		}
	case node:
		wrong = append(wrong, s.object(at, n, v)...)
	}
	return wrong
}

func (s schema) text(at string, n node, v string) (wrong []string) {
	if p, ok := n["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
		wrong = append(wrong, fmt.Sprintf("%s: %q does not match %s", at, v, p))
	}
	if most, ok := n["maxLength"].(float64); ok && len([]rune(v)) > int(most) {
		wrong = append(wrong, fmt.Sprintf("%s: %q is longer than %v", at, v, most))
	}
	if n["format"] == "date-time" {
		if _, err := time.Parse(time.RFC3339Nano, v); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", at, err))
		}
	}
	return wrong
}

func (s schema) object(at string, n, v node) (wrong []string) {
	required, _ := n["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s: %s is missing", at, name))
		}
	}
	properties, _ := n["properties"].(node)
	for _, name := range slices.Sorted(maps.Keys(v)) {
		of, described := properties[name]
		if !described {
			of = n["additionalProperties"]
		}
		switch {
		case of == true:
		case of == nil && n["type"] == nil: // of an anyOf: its members look
		case of == nil:
			wrong = append(wrong, fmt.Sprintf("%s.%s is served and not described", at, name))
		default:
			wrong = append(wrong, s.check(at+"."+name, of, v[name])...)
		}
	}
	return wrong
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	default:
		return "object"
	}
}

// conforms checks JSON against a schema of the document.
func conforms(t *testing.T, what string, of any, body []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	for _, w := range (schema{openapi(t)}).check("", of, v) {
		t.Errorf("%s%s", what, w)
	}
}

func TestTheSchemaCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := schema{openapi(t)}
	verdict := node{"$ref": "#/components/schemas/Role"}
	for body, want := range map[string]string{
		`{"backend": "a", "version": "1"}`:         "",
		`{"backend": "a"}`:                         "version is missing",
		`{"backend": "a", "version": 1}`:           "want string",
		`{"backend": "a", "version": "1", "x": 1}`: ".x is served and not described",
		`[]`: "want object",
	} {
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(s.check("", verdict, v), "; "); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
