package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParse: any bytes give a Config or an error, findings are one line each with a place inside the file, and what loads
// has shares that add up.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		c, findings := Parse("fuzz.yml", src, home)
		if (c == nil) != (findings.Err() != nil) {
			t.Fatalf("Config is there: %v, error: %v", c != nil, findings.Err())
		}
		// The parser puts what is missing at the end on a line after it.
		lines := breaks(string(src)) + 2
		for _, found := range findings {
			if found.Line < 1 || found.Line > lines || found.Column < 1 || strings.ContainsAny(found.String(), "\r\n\x00") {
				t.Errorf("finding %q of a file with %d lines", found, lines)
			}
		}
		if c != nil {
			checkShares(t, c)
		}
	})
}

// breaks counts line breaks as YAML 1.1 has them: LF, CR LF, a lone CR, NEL, LS and PS.
func breaks(s string) int {
	n := strings.Count(s, "\n") + strings.Count(s, "\r") - strings.Count(s, "\r\n")
	return n + strings.Count(s, "\u0085") + strings.Count(s, "\u2028") + strings.Count(s, "\u2029")
}

func checkShares(t *testing.T, c *Config) {
	t.Helper()
	for _, r := range c.Routes {
		if r.Redirect != nil {
			continue // it has no backends to divide among
		}
		var sum Percent
		for _, w := range r.Weights {
			sum += w
		}
		if r.Rollout == nil && sum != Full || r.Rollout != nil && sum >= Full {
			t.Errorf("route %q loads with weights %v", r.Name, r.Weights)
		}
		if r.Rollout == nil {
			continue
		}
		var before Percent
		for _, s := range r.Rollout.Steps {
			if s.Weight <= before || s.Weight >= Full {
				t.Errorf("route %q loads with steps %v", r.Name, r.Rollout.Steps)
			}
			before = s.Weight
		}
	}
}
