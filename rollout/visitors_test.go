package rollout

import (
	"strings"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/metrics"
)

// shopping is a world in which visits are counted; the newest table is the last of tables.
func shopping(t *testing.T, lines ...string) (w *world, tables *[]*metrics.Visits) {
	t.Helper()
	w, tables = newWorld(), &[]*metrics.Visits{}
	w.plan.Conversion = "10s"
	w.plan.Rollout.Rules.Rules = append(w.plan.Rollout.Rules.Rules, analysis.Rule{Check: analysis.Check{Name: "conversion-rate", Metric: analysis.Conversions}})
	w.watch.visits.anew = func(once bool) *metrics.Visits {
		v := metrics.NewVisits(metrics.VisitsConfig{Users: 100_000, Within: 10 * time.Second, Once: once})
		*tables = append(*tables, v)
		return v
	}
	for _, line := range append([]string{"plan abortOn=off", "traffic stable 90/s", "traffic canary 10/s", "boot"}, lines...) {
		words := strings.Fields(line)
		if err := w.do(words[0], words[1:]); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return w, tables
}

// visits come for so long, and convert at once in so many percent.
func (w *world) visits(v *metrics.Visits, d time.Duration, canary, stable int) {
	for i := range uint64(d / (10 * time.Millisecond)) {
		side, of := metrics.StableSide, stable
		if i%4 == 0 {
			side, of = metrics.CanarySide, canary
		}
		hash := (uint64(w.now) + i + 1) * 0x9E3779B97F4A7C15
		v.Visit(hash, int(side), side, w.now)
		if int(hash>>32%100) < of {
			v.Convert(hash, w.now, w.now)
		}
		if i%10 == 9 {
			w.tick(100 * time.Millisecond)
		}
	}
}

func newest(tables *[]*metrics.Visits) *metrics.Visits { return (*tables)[len(*tables)-1] }

func (w *world) conversion() Verdict { return w.state.Checks[1] }

func TestACanaryThatSellsLessIsRolledBackWithASentenceAboutUsers(t *testing.T) {
	t.Parallel()
	w, tables := shopping(t, "tick 2s")
	w.visits(newest(tables), 5*time.Second, 10, 40)
	if n := w.conversion().Samples; n != 0 {
		t.Errorf("%d visits were judged before their age", n)
	}
	w.visits(newest(tables), 2*time.Minute, 10, 40)
	last := w.state.Last
	if w.state.Outcome != RolledBack || w.state.Reason != "conversion-rate" {
		t.Fatalf("after two minutes: %s, reason %q, checks %+v", w.state.Phase, w.state.Reason, w.state.Checks)
	}
	for _, part := range []string{"of the canary's ", " users converted", "of stable's ", "in at most 1 of"} {
		if !strings.Contains(last.Sentence, part) {
			t.Errorf("sentence %q lacks %q", last.Sentence, part)
		}
	}
}

func TestACanaryThatSellsAsMuchGoesOn(t *testing.T) {
	t.Parallel()
	w, tables := shopping(t, "tick 2s")
	w.visits(newest(tables), 3*time.Minute, 30, 30)
	if c := w.conversion(); w.state.Phase != Progressing || c.Samples < 3000 || c.StableSamples < 9000 {
		t.Errorf("phase %s, check %+v", w.state.Phase, c)
	}
}

// An attempt has a table of its own, in which a user visits once; between attempts visits are counted and not judged.
func TestTheVisitsOfAnAttemptAreItsOwn(t *testing.T) {
	t.Parallel()
	w, tables := shopping(t, "tick 1s")
	if len(*tables) != 2 || w.watch.visits.table != newest(tables) {
		t.Fatalf("%d tables when the attempt has traffic, want one of before and its own", len(*tables))
	}
	w.tick(time.Second)
	if err := w.do("command", []string{"abort"}); err != nil {
		t.Fatal(err)
	}
	w.tick(time.Second)
	if len(*tables) != 3 || w.watch.visits.table != nil {
		t.Errorf("%d tables after the abort, the attempt's %v, want three and none", len(*tables), w.watch.visits.table)
	}
}

// What is open when the process ends, or when the rules change, is dropped on both sides.
func TestARestartDropsOpenVisitsAndKeepsTheEvidence(t *testing.T) {
	t.Parallel()
	w, tables := shopping(t, "tick 2s")
	w.visits(newest(tables), 30*time.Second, 28, 30)
	before := w.state.Evidence.State.Tests[1].Trials.Compare
	learned := w.state.Evidence.State.Tests[1].Trials.Learned.N
	if err := w.boot(nil); err != nil {
		t.Fatal(err)
	}
	w.tick(20 * time.Second)
	after := w.state.Evidence.State.Tests[1].Trials
	if after.Compare.Cash > before.Cash || !after.Compare.Began || after.Learned.N > learned+100 { // a block was open
		t.Errorf("after the restart %+v, learned %g; before %+v, %g", after.Compare, after.Learned.N, before, learned)
	}
	if c := w.conversion(); c.Samples != 0 || c.StableSamples != 0 {
		t.Errorf("visits of before were judged: %+v", c)
	}
	w.visits(newest(tables), 20*time.Second, 30, 30)
	if c := w.conversion(); c.Samples == 0 {
		t.Errorf("no visit is judged after a restart: %+v", c)
	}
	n := len(*tables)
	w.watch.visits.plan("5s", w.now)
	w.watch.visits.plan("5s", w.now)
	if len(*tables) != n+1 || w.watch.visits.table != newest(tables) {
		t.Errorf("%d tables after the rules changed, want one more, the attempt's", len(*tables))
	}
}

// Visits that began while the weight changed are nobody's; those before and after it are never in one block.
func TestVisitsKnowTheWeightTheyBeganAt(t *testing.T) {
	t.Parallel()
	table := metrics.NewVisits(metrics.VisitsConfig{Users: 1000, Within: time.Second, Once: true})
	v := visitors{anew: func(bool) *metrics.Visits { return table }}
	const ms = metrics.Instant(time.Millisecond)
	v.plan("1s", 0)
	v.begin(0)
	v.move(500, 0, 0)
	v.move(500, 100*ms, 100*ms)
	for i := range 10 { // one each 100 ms
		if i == 5 {
			v.move(2500, 540*ms, 560*ms)
		}
		table.Visit(uint64(i+1)<<45|uint64(i), 0, metrics.CanarySide, metrics.Instant(i)*100*ms+50*ms)
	}
	v.at = 5000 * ms
	var got []analysis.Block
	for {
		var b analysis.Block
		if v.count(&b); b.Visits == (analysis.Pair{}) {
			break
		}
		got = append(got, b)
	}
	if len(got) != 2 || got[0].VisitsWeight != 500 || got[0].Visits.Canary.N != 5 || got[1].VisitsWeight != 2500 || got[1].Visits.Canary.N != 4 {
		t.Errorf("blocks %+v, want five visits at 500, four at 2500 and none of the change's", got)
	}
}
