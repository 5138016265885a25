package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sluice/admin"
	"sluice/analysis"
	"sluice/rollout"
)

// journal is where decisions and block logs of a route come from: a running proxy, or a state folder.
type journal struct {
	route     string
	decisions func(limit int) ([]admin.DecisionObject, error)
	blocks    func(attempt string) ([]byte, error)
}

func (r *remote) journal(ctx context.Context, args []string, dir string) (*journal, error) {
	if dir != "" {
		return journalIn(dir, args)
	}
	api, route, err := r.ask(ctx, args, isDivided)
	if err != nil {
		return nil, err
	}
	return &journal{
		route: route,
		decisions: func(limit int) ([]admin.DecisionObject, error) {
			list, err := api.Decisions(ctx, route, limit)
			return list.Decisions, err
		},
		blocks: func(attempt string) ([]byte, error) { return api.Blocks(ctx, route, attempt) },
	}, nil
}

// journalIn reads a state folder. A process may have it: nothing is written.
func journalIn(dir string, args []string) (*journal, error) {
	if _, err := os.Stat(filepath.Join(dir, "journal.jsonl")); err != nil {
		return nil, fmt.Errorf("read the state folder %s: %w; is it state.dir of the proxy?", dir, err)
	}
	kept := rollout.OpenJournal(dir)
	route, all := "", kept.Routes()
	switch {
	case len(args) > 0:
		route = args[0]
	case len(all) == 1:
		route = all[0]
	default:
		return nil, withCode(exitUsage, "which route? The journal has %s", cmp.Or(strings.Join(all, ", "), "none"))
	}
	return &journal{
		route: route,
		decisions: func(limit int) (out []admin.DecisionObject, err error) {
			for _, d := range kept.Last(route, limit) {
				out = append(out, admin.DecisionObject{Decision: d, Checks: append([]rollout.Verdict{}, d.Checks...)})
			}
			return out, nil
		},
		blocks: func(attempt string) ([]byte, error) {
			log, err := rollout.ReadBlocks(dir, route, attempt)
			if err == nil && len(log) == 0 {
				err = fmt.Errorf("there is no block log of attempt %s of route %q in %s: the newest five attempts have one", attempt, route, dir)
			}
			return log, err
		},
	}, nil
}

// replayed is a decision with what its log gives.
type replayed struct {
	admin.DecisionObject
	Replay replayObject `json:"replay"`
}

// The results of a replay.
const (
	resultEqual      = "equal"      // all evidence is what the blocks give, bit for bit
	resultDiffers    = "differs"    // some of it is not
	resultDamaged    = "damaged"    // a part of the log can't be read
	resultIncomplete = "incomplete" // blocks are missing
	resultNothing    = "nothing"    // no check had a part in the decision
)

// replayObject is what a replay found.
type replayObject struct {
	Result  string          `json:"result"`
	Checks  []replayedCheck `json:"checks"`
	Blocks  int             `json:"blocks"`
	Starts  int             `json:"starts"`
	Reloads int             `json:"reloads"`
	Made    string          `json:"made"`
	Flaws   []analysis.Flaw `json:"flaws"`
	Notes   []string        `json:"notes"`
}

// replayedCheck is a check's evidence as it was recorded and as it comes out; Recomputed is null where the log does not give it.
type replayedCheck struct {
	Name            string   `json:"name"`
	Recorded        float64  `json:"recorded"`
	Recomputed      *float64 `json:"recomputed"`
	RecordedLimit   float64  `json:"recordedLimit"`
	RecomputedLimit *float64 `json:"recomputedLimit"`
	Equal           bool     `json:"equal"`
}

// replay recomputes a decision's evidence, and fails where it is not equal.
func (r *remote) replay(from *journal, d admin.DecisionObject) error {
	o := replayObject{Result: resultNothing, Checks: []replayedCheck{}, Flaws: []analysis.Flaw{}, Notes: []string{}}
	if len(d.Checks) > 0 {
		log, err := from.blocks(d.Attempt)
		if err != nil {
			return err
		}
		got, err := analysis.ReplayLog(log, analysis.Mark{Seq: d.Seq, At: d.At.UnixNano()})
		if err != nil {
			return fmt.Errorf("replay decision %d of %s: %w", d.Seq, from.route, err)
		}
		o = compare(d, got)
	}
	if err := r.print(replayed{d, o}, func(w io.Writer) { describeDecision(w, d); describeReplay(w, o) }); err != nil {
		return err
	}
	if o.Result == resultEqual || o.Result == resultNothing {
		return nil
	}
	return errors.New(verdict(o))
}

// compare is what a log gives beside what the decision says.
func compare(d admin.DecisionObject, got *analysis.Replayed) replayObject {
	o := replayObject{
		Result: resultEqual, Checks: []replayedCheck{}, Blocks: got.Blocks, Starts: got.Starts, Reloads: got.Reloads, Made: got.Made,
		Flaws: append([]analysis.Flaw{}, got.Flaws...), Notes: append([]string{}, got.Notes...),
	}
	if !got.Found {
		o.Notes = append(o.Notes, "the log does not say where this decision was made")
	}
	known, equal := true, true
	for _, c := range d.Checks {
		out := replayedCheck{Name: c.Name, Recorded: c.Evidence, RecordedLimit: c.EvidenceLimit}
		for _, e := range got.Evidence {
			if e.Name == c.Name {
				out.Recomputed, out.RecomputedLimit = &e.Evidence, &e.Limit
				out.Equal = same(e.Evidence, c.Evidence) && same(e.Limit, c.EvidenceLimit)
			}
		}
		known = known && out.Recomputed != nil
		equal = equal && (out.Equal || out.Recomputed == nil)
		o.Checks = append(o.Checks, out)
	}
	broken, damaged := false, false
	for _, f := range got.Flaws {
		broken, damaged = broken || f.Kind == analysis.FlawBreak, damaged || f.Kind == analysis.FlawDamage
	}
	switch {
	case !equal || broken:
		o.Result = resultDiffers
	case damaged:
		o.Result = resultDamaged
	case !known || len(got.Flaws) > 0:
		o.Result = resultIncomplete
	}
	return o
}

func same(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }

// verdict is the result in words.
func verdict(o replayObject) string {
	switch o.Result {
	case resultEqual:
		return fmt.Sprintf("equal: the evidence is what %d judged blocks give, bit for bit", o.Blocks)
	case resultDiffers:
		return "the evidence is not what the blocks in the log give"
	case resultDamaged:
		return "the block log is damaged: " + o.Flaws[0].What
	case resultIncomplete:
		why := "it does not say where this decision was made"
		if len(o.Flaws) > 0 {
			why = o.Flaws[0].What
		}
		return "the block log is not whole: " + why
	default:
		return "nothing to recompute: no check had a part in it"
	}
}

func describeReplay(w io.Writer, o replayObject) {
	_, _ = fmt.Fprintf(w, "  replay: %s\n", verdict(o))
	if o.Result == resultNothing {
		return
	}
	rows := [][]string{{"CHECK", "RECORDED", "RECOMPUTED", "OF", "EQUAL"}}
	for _, c := range o.Checks {
		recomputed, of, equal := "-", exact(c.RecordedLimit), "no"
		if c.Recomputed != nil {
			recomputed = exact(*c.Recomputed)
			if !same(*c.RecomputedLimit, c.RecordedLimit) {
				of += " / " + exact(*c.RecomputedLimit)
			}
		}
		switch {
		case c.Recomputed == nil:
			equal = "not known"
		case c.Equal:
			equal = "yes"
		}
		rows = append(rows, []string{c.Name, exact(c.Recorded), recomputed, of, equal})
	}
	table(w, "  ", rows)
	_, _ = fmt.Fprintf(w, "  blocks: %d, processes: %d, reloads: %d, written by %s\n", o.Blocks, o.Starts, o.Reloads, orDash(o.Made))
	for _, f := range o.Flaws {
		_, _ = fmt.Fprintf(w, "  %s: %s\n", f.Kind, f.What)
	}
	for _, n := range o.Notes {
		_, _ = fmt.Fprintf(w, "  note: %s\n", n)
	}
}

// exact is a number with all its digits.
func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
