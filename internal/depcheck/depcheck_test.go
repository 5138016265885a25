// Package depcheck holds the direction of imports: the data plane would serve if the control plane were deleted.
package depcheck

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "sluice/"

var (
	dataPlane    = []string{"request", "router", "selector", "identity", "backend", "metrics", "sock", "listener", "access", "proxy"}
	controlPlane = []string{"config", "analysis", "rollout", "store", "fleet", "provider", "notify", "flags", "accesslog", "admin", "importer", "app"}
)

// pkg is what `go list -json` prints of one package.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestTheDataPlaneImportsNothingOfTheControlPlane(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if !slices.Contains(dataPlane, folder(p.ImportPath)) {
			continue
		}
		for _, d := range p.Deps {
			if slices.Contains(controlPlane, folder(d)) || strings.HasPrefix(d, "github.com/prometheus/") {
				t.Errorf("%s depends on %s", p.ImportPath, d)
			}
		}
	}
}

func TestTheControlPlaneNeverImportsTheProxy(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		f := folder(p.ImportPath)
		if f == "app" || !slices.Contains(controlPlane, f) {
			continue
		}
		for _, d := range p.Deps {
			if folder(d) == "proxy" || folder(d) == "listener" {
				t.Errorf("%s depends on %s", p.ImportPath, d)
			}
		}
	}
}

func TestConfigIsPlainDataAndOnlyCmdImportsApp(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, d := range p.Imports {
			if folder(p.ImportPath) == "config" && strings.HasPrefix(d, module) && folder(d) != "config" {
				t.Errorf("%s imports %s", p.ImportPath, d)
			}
			if folder(d) == "app" && folder(p.ImportPath) != "cmd" && folder(p.ImportPath) != "app" {
				t.Errorf("%s imports %s", p.ImportPath, d)
			}
		}
	}
}

// folder is the first element of a package's path inside the module, "" for a foreign one.
func folder(path string) string {
	rest, ok := strings.CutPrefix(path, module)
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = "../.."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list ./...: %v: %s", err, stderr.String())
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read the output of go list: %v", err)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		t.Fatal("go list found no package")
	}
	return all
}
