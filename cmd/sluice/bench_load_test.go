package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"sluice/bench/load"
	"sluice/internal/testkit"
)

func TestBenchLoadPrintsATableOrJSONAndFailsWhenRequestsDo(t *testing.T) {
	t.Parallel()
	call := func(args ...string) (code int, out, errs string) {
		var o, e bytes.Buffer
		code = run(t.Context(), append([]string{"bench", "load", "--warm-up", "0s", "-d", "0s"}, args...), console{out: &o, err: &e, env: func(string) string { return "" }})
		return code, o.String(), e.String()
	}
	good, bad := testkit.NewOrigin(t, "good", nil), testkit.NewOrigin(t, "bad", testkit.Failing)
	code, out, errs := call(good.URL, "-n", "20", "-c", "2", "-o", "json", "--by", testkit.ServedBy, "-H", "X-A: b")
	var r load.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || r.Requests != 20 || r.By["good"] != 20 || errs != "" {
		t.Errorf("exit %d, %+v, %v, %s", code, r, err, errs)
	}
	if code, out, _ := call(good.URL, "-n", "20", "-r", "1000"); code != 0 || !strings.Contains(out, "p99.9") || !strings.Contains(out, "from sending") {
		t.Errorf("exit %d, table %q", code, out)
	}
	if code, out, errs := call(bad.URL, "-n", "5"); code != exitFailure || !strings.Contains(out, "5xx 5") || !strings.Contains(errs, "5 of 5 requests failed") {
		t.Errorf("a failing server: exit %d, %q, %q", code, out, errs)
	}
	if code, _, errs := call("http://"+testkit.FreeAddress(t)+"/", "-n", "5"); code != exitFailure || !strings.Contains(errs, "is the server running?") {
		t.Errorf("nobody there: exit %d, %q", code, errs)
	}
	for _, args := range [][]string{{"https://127.0.0.1/", "-n", "1"}, {good.URL}, {good.URL, "-n", "1", "-H", "nothing"}, {good.URL, "-n", "1", "-o", "yaml"}, {good.URL, "-n", "1", "--data", "@/no/such"}} {
		if code, _, errs := call(args...); code != exitUsage {
			t.Errorf("bench load %v: exit %d, want %d: %s", args, code, exitUsage, errs)
		}
	}
}
