package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/admin/admintest"
	"sluice/analysis"
	"sluice/rollout"
)

// attempted is a decision and the log that it was made on.
func attempted(t *testing.T) (rollout.Decision, []byte) {
	t.Helper()
	rules := analysis.Rules{
		Rules: []analysis.Rule{{Check: analysis.Check{Name: "error-rate", Metric: analysis.ErrorRate}}}, Confidence: 0.999, Steps: 3,
	}
	var pen analysis.LogWriter
	log := pen.Begin([]byte(analysis.LogHeader), &analysis.LogBegin{Route: "checkout", Attempt: "01JQ", Why: analysis.LogStarted, Rules: rules})
	judge, state := analysis.New(rules), analysis.State{}
	var report *analysis.Report
	for tick := range int64(30) {
		b := analysis.Block{Tick: tick, Weight: 500, Step: 1, Next: 2500, Drawn: analysis.Pair{
			Canary: analysis.Tally{N: 5, Bad: uint64(tick % 2)}, Stable: analysis.Tally{N: 95},
		}}
		b.Judged = b.Drawn.Canary
		log = pen.Block(log, &b)
		report = judge.Assess(&state, []analysis.Block{b}, analysis.Now{Step: 1})
	}
	d := rollout.Decision{
		Seq: 17, At: admintest.At, Route: "checkout", Attempt: "01JQ", Action: "rollback", Actor: "analysis", From: rollout.Progressing,
		To: rollout.RollingBack, WeightFrom: 500, Step: 1, Reason: "error-rate", Sentence: "Rolled back.", Checks: slices.Clone(report.Findings),
	}
	return d, pen.Decision(log, analysis.Mark{Seq: d.Seq, At: d.At.UnixNano()})
}

func TestAReplaySaysWhetherTheEvidenceIsWhatTheBlocksGive(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spoil  func(d *rollout.Decision, log []byte) []byte
		code   int
		result string
		says   string
	}{
		"whole": {result: resultEqual, says: "replay: equal: the evidence is what 30 judged blocks give, bit for bit"},
		"another evidence": {
			spoil: func(d *rollout.Decision, log []byte) []byte { d.Checks[0].Evidence *= 1 + 1e-15; return log },
			code:  exitFailure, result: resultDiffers, says: "the evidence is not what the blocks in the log give",
		},
		"another limit": {
			spoil: func(d *rollout.Decision, log []byte) []byte { d.Checks[0].EvidenceLimit = 10; return log },
			code:  exitFailure, result: resultDiffers, says: "the evidence is not what the blocks in the log give",
		},
		"a flipped bit": {
			spoil: func(_ *rollout.Decision, log []byte) []byte { log[len(log)/2] ^= 1; return log },
			code:  exitFailure, result: resultDamaged, says: "the block log is damaged: record",
		},
		"an end that is missing": {
			spoil: func(_ *rollout.Decision, log []byte) []byte { return log[:len(log)-1] },
			code:  exitFailure, result: resultIncomplete, says: "the block log is not whole: it does not say where this decision was made",
		},
		"a decision without checks": {
			spoil: func(d *rollout.Decision, _ []byte) []byte { d.Checks = nil; return nil },
			says:  "replay: nothing to recompute", result: resultNothing,
		},
	} {
		_, controller, env := serve(t)
		d, log := attempted(t)
		if tt.spoil != nil {
			log = tt.spoil(&d, log)
		}
		controller.Set(func(c *admintest.Controller) { c.Journal, c.Log = slices.Insert(c.Journal, 0, d), log })
		text := call(t, env, "why", "checkout", "--replay")
		if text.code != tt.code || !strings.Contains(text.out+text.err, tt.says) {
			t.Errorf("%s: %+v, want exit %d and %q", name, text, tt.code, tt.says)
		}
		if strings.Contains(text.out, "equal:") != (tt.result == resultEqual) {
			t.Errorf("%s: it is called equal: %s", name, text.out)
		}
		var out replayed
		asJSON := call(t, env, "why", "checkout", "17", "--replay", "-o", "json")
		if err := json.Unmarshal([]byte(asJSON.out), &out); err != nil || asJSON.code != tt.code || out.Replay.Result != tt.result || out.Seq != 17 {
			t.Errorf("%s: as JSON %+v, %v; want %s", name, asJSON, err, tt.result)
		}
		if name == "whole" && (!strings.Contains(text.out, "EQUAL\n  error-rate") || !strings.Contains(text.out, "yes\n  blocks: 30, processes: 1")) {
			t.Errorf("the table is %s, want each check with both numbers", text.out)
		}
	}
}

func TestADecisionIsNamedByItsNumber(t *testing.T) {
	t.Parallel()
	_, controller, env := serve(t)
	d, _ := attempted(t)
	controller.Set(func(c *admintest.Controller) { c.Journal = append([]rollout.Decision{d}, c.Journal...) })
	if r := call(t, env, "why", "checkout", "17"); r.code != 0 || !strings.Contains(r.out, "Rolled back.") {
		t.Errorf("why checkout 17 = %+v, want that decision", r)
	}
	for args, want := range map[string]int{"why checkout 3": exitFailure, "why checkout x": exitUsage, "why checkout 0": exitUsage} {
		if r := call(t, env, strings.Fields(args)...); r.code != want || r.out != "" {
			t.Errorf("%s = %+v, want exit %d", args, r, want)
		}
	}
}

func TestAStateFolderIsReadWithoutAProxy(t *testing.T) {
	t.Parallel()
	d, log := attempted(t)
	d.Attempt = "01JQ0000000000000000000000"
	dir := t.TempDir()
	line, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string][]byte{"journal.jsonl": append(line, '\n'), "checkout." + d.Attempt + ".blocks": log} {
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := call(t, nil, "why", "--replay", "--state", dir); r.code != 0 || !strings.Contains(r.out, "replay: equal") {
		t.Errorf("why --state = %+v, want equal", r)
	}
	if err := os.Remove(filepath.Join(dir, "checkout."+d.Attempt+".blocks")); err != nil {
		t.Fatal(err)
	}
	if r := call(t, nil, "why", "--replay", "--state", dir); r.code != exitFailure || !strings.Contains(r.err, "no block log") {
		t.Errorf("without the log: %+v, want exit 1", r)
	}
	if r := call(t, nil, "why", "--state", filepath.Join(dir, "nosuch")); r.code != exitFailure || !strings.Contains(r.err, "state.dir") {
		t.Errorf("without the folder: %+v, want exit 1", r)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v; want that reading it wrote nothing", entries, err)
	}
}
