package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// TestTheSchemaIsWhatTheDecoderReads goes along with every good file of testdata, which together use every key in every form.
func TestTheSchemaIsWhatTheDecoderReads(t *testing.T) {
	t.Parallel()
	r := &recorder{shapes: map[string]*shape{}, same: map[string]string{}}
	for _, file := range testdata(t, "*.good.yml") {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		root, finding := readYAML(file, src)
		if finding != nil {
			t.Fatal(finding)
		}
		d := newDecoder(file, home)
		d.record = r
		d.config(value{node: root}, new(Config))
	}
	root, unseen := r.schema()
	refused := []string{"identity.email[].cookie", "identity.segment[].cookie"} // whatever they hold
	unseen = slices.DeleteFunc(unseen, func(path string) bool { return slices.Contains(refused, path) })
	if len(unseen) > 0 {
		t.Errorf("no good file of testdata uses these keys, so the schema can't say what they hold:\n%s", strings.Join(unseen, "\n"))
	}
	got, err := json.MarshalIndent(root, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "schema.json", string(got)+"\n")
}

func testdata(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/" + pattern)
	if err != nil || len(files) < 20 {
		t.Fatalf("testdata/%s: %d files, %v", pattern, len(files), err)
	}
	return files
}

func TestTheSchemaTakesWhatTheDecoderTakesAndKnowsItsKeys(t *testing.T) {
	t.Parallel()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("sluice.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("sluice.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range testdata(t, "*.good.yml") {
		if err := schema.Validate(yamlOf(t, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, name := range []string{"typo.bad.yml", "flags.bad.yml", "decision.bad.yml", "bool.bad.yml"} {
		if schema.Validate(yamlOf(t, "testdata/"+name)) == nil {
			t.Errorf("%s fits the schema", name)
		}
	}
}

// yamlOf is a file as an editor has it: merged, and in JSON's types.
func yamlOf(t *testing.T, file string) any {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := yaml.Unmarshal(bytes.TrimPrefix(src, utf8BOM), &v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
