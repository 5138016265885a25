package rollout

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The page of rules names scripts and tests that exist, and every script.
func TestThePageOfRulesNamesEveryScriptAndNoOther(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../docs/rollout-rules.md")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range sources {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(src)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`(Test\\w+|[a-z0-9_]+)`").FindAllStringSubmatch(string(b), -1) {
		named[m[1]] = true
		if strings.HasPrefix(m[1], "Test") && !strings.Contains(code.String(), "func "+m[1]+"(") {
			t.Errorf("the page names %s, which is no test", m[1])
		}
		if strings.Contains(m[1], "_") {
			if _, err := os.Stat(filepath.Join("testdata", m[1]+".txt")); err != nil {
				t.Errorf("the page names %s, which is no script", m[1])
			}
		}
	}
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range scripts {
		if name := strings.TrimSuffix(filepath.Base(file), ".txt"); !named[name] {
			t.Errorf("the page does not name the script %s", name)
		}
	}
}
