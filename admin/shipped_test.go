package admin_test

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/deploy"
)

// metricName is one of ours, in an expression; what follows a colon is a recording rule's.
var metricName = regexp.MustCompile(`[a-z_:]*\bsluice_[a-z0-9_]+[a-z0-9_:]*|[a-z_]+:sluice_[a-z0-9_:]+`)

func TestEveryMetricThatShipsInADashboardOrARuleExists(t *testing.T) {
	t.Parallel()
	exist := admin.MetricNames()
	for _, rule := range regexp.MustCompile(`record: (\S+)`).FindAllSubmatch(deploy.Rules, -1) {
		exist = append(exist, string(rule[1]))
	}
	for file, text := range map[string][]byte{"dashboard.json": deploy.Dashboard, "rules.yaml": deploy.Rules} {
		found := 0
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			for _, name := range metricName.FindAllString(line, -1) {
				found++
				base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
				if !slices.Contains(exist, name) && !slices.Contains(exist, base) {
					t.Errorf("%s uses %s, which nobody exposes", file, name)
				}
			}
		}
		if found < 15 {
			t.Errorf("%d metrics were found in %s", found, file)
		}
	}
}

func TestPrometheusFindsNoFaultInTheMetrics(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("promtool is missing: make needs")
		}
		t.Skip("promtool is missing: make needs")
	}
	proxy, _ := admintest.New()
	_, _, body := ask(t, admintest.Serve(t, proxy, nil), "GET", "/metrics", "")
	check := exec.Command(path, "check", "metrics")
	check.Stdin = bytes.NewReader(body)
	if out, err := check.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
