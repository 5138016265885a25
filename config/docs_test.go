package config

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// manual is the reference page.
const manual = "../docs/configuration.md"

func TestEveryExampleOfTheReferenceLoads(t *testing.T) {
	t.Parallel()
	for _, file := range []string{manual, "../docs/listeners.md", "../docs/webhooks.md", "../docs/sampled-checks.md"} {
		loadExamples(t, file)
	}
}

func loadExamples(t *testing.T, file string) {
	t.Helper()
	page := readText(t, file)
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatchIndex(page, -1)
	if len(blocks) == 0 {
		t.Fatalf("%s has no yaml block", file)
	}
	for _, b := range blocks {
		// Empty lines before it make the findings name the page's own lines.
		above := strings.Repeat("\n", strings.Count(page[:b[2]], "\n"))
		if _, findings := Parse(file, []byte(above+page[b[2]:b[3]]), home); findings.Err() != nil {
			t.Error(findings.Err())
		}
	}
}

func TestTheReferenceNamesEveryKey(t *testing.T) {
	t.Parallel()
	page := readText(t, manual)
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(readText(t, "testdata/everything.good.yml")), &root); err != nil {
		t.Fatal(err)
	}
	word := func(key string) bool {
		return regexp.MustCompile("`[^`\n]*\\b" + regexp.QuoteMeta(key) + "\\b[^`\n]*`").MatchString(page)
	}
	chosen := map[string]bool{"X-Api": true, "v": true, "legacy": true, "X-Canary": true, "X-Env": true, "X-Served-By": true, "versions": true, "old": true} // names that the file's writer chose
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 && !chosen[c.Value] && !word(c.Value) {
				t.Errorf("%s does not name the key %q", manual, c.Value)
			}
			walk(c)
		}
	}
	walk(&root)
}

func readText(t *testing.T, path string) string {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}
