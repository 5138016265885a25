package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// promtool runs Prometheus's own tool.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("promtool is missing: make needs")
		}
		t.Skip("promtool is missing: make needs")
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPrometheusTakesTheRules(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", "rules.yaml")
}

func TestTheRulesFireWhenTheyShould(t *testing.T) {
	t.Parallel()
	promtool(t, "test", "rules", "testdata/rules.test.yaml")
}

// group is what is read of the rules here.
type group struct {
	Rules []struct {
		Alert, Record string
		Annotations   map[string]string
		Labels        map[string]string
	}
}

func TestEveryAlertIsTriedAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	var rules struct{ Groups []group }
	if err := yaml.Unmarshal(Rules, &rules); err != nil {
		t.Fatal(err)
	}
	tried, err := os.ReadFile("testdata/rules.test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	alerts := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			alerts++
			if !strings.Contains(string(tried), "alertname: "+r.Alert+"\n") {
				t.Errorf("no test sees %s fire", r.Alert)
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.Labels["severity"] == "" {
				t.Errorf("%s lacks its summary, description or severity", r.Alert)
			}
		}
	}
	if alerts < 10 {
		t.Errorf("%d alerts were read", alerts)
	}
}

// dashboard is what is read of it here.
type dashboard struct {
	Annotations struct{ List []struct{ Name, Expr string } }
	Panels      []struct {
		ID      int
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr string }
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(Dashboard, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) < 10 {
		t.Fatalf("%d panels were read", len(d.Panels))
	}
	return d
}

func TestPrometheusTakesTheDashboardsExpressions(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	filled := strings.NewReplacer("$route", "shop", "$__rate_interval", "1m", "$__range", "1h")
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var rules []rule
	add := func(expr string) {
		rules = append(rules, rule{fmt.Sprintf("dashboard:%d", len(rules)), filled.Replace(expr)})
	}
	for _, a := range d.Annotations.List {
		add(a.Expr)
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			add(target.Expr)
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", "--lint-fatal", file)
}

func TestNoPanelLiesOnAnother(t *testing.T) {
	t.Parallel()
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range readDashboard(t).Panels {
		if ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q has a number twice, no room, no title or no question", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[at] != "" {
					t.Fatalf("panel %q lies on %q", p.Title, taken[at])
				}
				taken[at] = p.Title
			}
		}
	}
}
