package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInitWritesAFileThatValidatesStrictly(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sluice.yaml")
	r := call(t, nil, "init", "http://127.0.0.1:3000", "http://127.0.0.1:3001", "--file", file, "--name", "shop")
	if r.code != 0 || !strings.Contains(r.out, "shop: 5 % 10m") {
		t.Fatalf("init = %+v, want 0 and the plan", r)
	}
	if r := call(t, nil, "validate", "--strict", file); r.code != 0 {
		t.Errorf("validate --strict of it = %+v, want 0", r)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), "endpoints: [http://127.0.0.1:3001]") || strings.Contains(string(text), "{{") {
		t.Errorf("the file: %v\n%s", err, text)
	}
	if r := call(t, nil, "init", "http://127.0.0.1:1", "http://127.0.0.1:2", "--file", file); r.code != exitFailure || !strings.Contains(r.err, "--force") {
		t.Errorf("init over a file = %+v, want 1 naming --force", r)
	}
	if now, err := os.ReadFile(file); err != nil || string(now) != string(text) {
		t.Errorf("init changed a file that was there: %v", err)
	}
	if r := call(t, nil, "init", "http://127.0.0.1:1", "http://127.0.0.1:2", "--file", file, "--force"); r.code != 0 {
		t.Errorf("init --force = %+v, want 0", r)
	}
}

func TestInitPrintsWhereNoFileIsWanted(t *testing.T) {
	t.Parallel()
	r := call(t, nil, "init", "--stable", "http://127.0.0.1:3000", "--canary", "http://127.0.0.1:3001", "--file", "-", "--health", "/ready")
	if r.code != 0 || r.err != "" || !strings.Contains(r.out, "healthCheck: {path: /ready}") {
		t.Errorf("init --file - = %+v, want the file alone", r)
	}
}

func TestInitRefusesWhatIsNoURL(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"init", "init http://127.0.0.1:1", "init http://127.0.0.1:1 --stable http://127.0.0.1:2", "init a b --file -",
		"init http://a http://b/path --file -", "init http://a http://${B} --file -", "init http://a http://b --name A! --file -",
	} {
		if r := call(t, nil, strings.Fields(args)...); r.code != exitUsage || r.out != "" || strings.Count(r.err, "\n") != 1 {
			t.Errorf("sluice %s = %+v, want 2 and one line", args, r)
		}
	}
}
