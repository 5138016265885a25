package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the expected findings beside testdata/*.yml")

// home is an environment in which every default exists.
func home(name string) (string, bool) {
	value, ok := map[string]string{"HOME": "/home/sluice", "PORT": "8081", "EMPTY": "", "SHARE": "abc"}[name]
	return value, ok
}

// TestEveryFileOfTestdataHasItsFindings parses testdata/*.good.yml, which may have warnings, and *.bad.yml, which must have
// errors; the findings and the plan stand in the .txt beside.
func TestEveryFileOfTestdataHasItsFindings(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(files) < 50 {
		t.Fatalf("testdata/*.yml: %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, findings := Parse(filepath.Base(file), src, home)
			good := strings.HasSuffix(file, ".good.yml")
			if good != (findings.Err() == nil) || good != (c != nil) {
				t.Errorf("Parse(%s): Config is there: %v, error: %v", file, c != nil, findings.Err())
			}
			compare(t, strings.TrimSuffix(file, ".yml")+".txt", report(c, findings))
		})
	}
}

func report(c *Config, findings Findings) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(f.String() + "\n")
	}
	if c != nil {
		for _, line := range c.Plan() {
			b.WriteString("plan: " + line + "\n")
		}
	}
	return b.String()
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run go test ./config -update and review the file", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("findings differ from %s (-want +got):\n%s", file, diff)
	}
}
