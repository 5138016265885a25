package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"sluice/bench/decision"
)

func TestBenchDecisionPrintsItsReportAndWritesThePlot(t *testing.T) {
	t.Parallel()
	plot := filepath.Join(t.TempDir(), "plot.svg")
	var out, errs bytes.Buffer
	c := console{out: &out, err: &errs, env: func(string) string { return "" }}
	args := []string{"bench", "decision", "--runs", "2", "--scenario", "100%, 1000/s", "--policy", "Sluice", "-o", "json", "--plot", plot}
	if code := run(t.Context(), args, c); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	var r decision.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || len(r.Cells) != 1 || r.Cells[0].RolledBack.Rate != 1 {
		t.Errorf("report %+v, %v", r, err)
	}
	if text, err := os.ReadFile(plot); err != nil || !bytes.HasPrefix(text, []byte("<svg")) {
		t.Errorf("plot: %v, %.20q", err, text)
	}
	for _, args := range [][]string{{"--runs", "0"}, {"-o", "yaml"}, {"--scenario", "none such"}} {
		if code := run(t.Context(), append([]string{"bench", "decision"}, args...), c); code != exitUsage {
			t.Errorf("bench decision %v: exit code %d, want %d", args, code, exitUsage)
		}
	}
}
