package rollout

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/analysis"
)

// logged runs a test on a bench whose judge is logged, in a folder.
func logged(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.blocks = OpenBlocks(dir, nil)
		stop := b.keepBlocks()
		defer func() { stop() }()
		b.start()
		defer func() { b.stop() }()
		b.pass(200 * time.Millisecond)
		test(t, b)
	})
}

// keepBlocks runs the writer until stop is called.
func (b *bench) keepBlocks() (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = b.blocks.Run(ctx) }()
	return func() { cancel(); <-done }
}

// replay recomputes a decision from the folder.
func (b *bench) replay(d Decision) *analysis.Replayed {
	b.t.Helper()
	log, err := b.blocks.Read("shop", d.Attempt)
	if err != nil {
		b.t.Fatal(err)
	}
	got, err := analysis.ReplayLog(log, markOf(d))
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// differs says how a replay is another than the decision.
func differs(d Decision, got *analysis.Replayed) string {
	if !got.Found || !got.Known || len(got.Evidence) != len(d.Checks) {
		return fmt.Sprintf("found %t, known %t, %d checks of %d", got.Found, got.Known, len(got.Evidence), len(d.Checks))
	}
	for i, c := range d.Checks {
		if g := got.Evidence[i]; math.Float64bits(g.Evidence) != math.Float64bits(c.Evidence) || math.Float64bits(g.Limit) != math.Float64bits(c.EvidenceLimit) {
			return fmt.Sprintf("%s is %v of %v, want %v of %v", c.Name, g.Evidence, g.Limit, c.Evidence, c.EvidenceLimit)
		}
	}
	return ""
}

// traffic is so long a time of requests on both sides.
func (b *bench) traffic(d time.Duration, canaryErrors int) {
	for range int(d / (100 * time.Millisecond)) {
		b.serve("stable", 95, 0)
		b.serve("canary", 5, canaryErrors)
		b.pass(100 * time.Millisecond)
	}
}

func TestEveryDecisionOfAnAttemptIsReplayedBitForBit(t *testing.T) {
	logged(t, func(t *testing.T, b *bench) {
		b.plan.Rollout.AbortOn = nil
		if err := b.control.SetPlan(t.Context(), b.plan); err != nil {
			t.Fatal(err)
		}
		b.traffic(5*time.Second, 0)
		b.mustDo("pause")
		b.traffic(7*time.Second, 0)
		b.mustDo("resume")
		b.stop() // in good order
		b.start()
		b.traffic(3*time.Second, 0)
		crashed := b.stored()
		b.traffic(2*time.Second, 1)
		b.stop()
		b.put(crashed) // as a crash would have left it
		b.start()
		b.traffic(3*time.Second, 0)
		b.mustDo("pause")
		b.mustDo("resume")
		p := b.plan
		r := *p.Rollout
		r.Rules.Rules = append([]analysis.Rule(nil), r.Rules.Rules...)
		r.Rules.Rules[0].MaxIncrease = 0.5
		p.Rollout = &r
		if err := b.control.SetPlan(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		b.plan = p
		b.traffic(10*time.Second, 5)
		if s := b.control.Status(); s.Outcome != RolledBack {
			t.Fatalf("the attempt is %+v, want it rolled back", s)
		}
		replayed, notes := 0, ""
		for _, d := range b.journal.Last("shop", 100) {
			if len(d.Checks) == 0 {
				continue
			}
			got := b.replay(d)
			if diff := differs(d, got); diff != "" || len(got.Flaws) > 0 {
				t.Errorf("%s: %s; flaws %+v, notes %v", d.Sentence, diff, got.Flaws, got.Notes)
			}
			replayed++
			notes += strings.Join(got.Notes, "; ")
		}
		if !strings.Contains(notes, "in good order") || !strings.Contains(notes, "after an unclean end") {
			t.Errorf("notes = %s, want those about both restarts", notes)
		}
		if replayed < 6 {
			t.Errorf("%d decisions were replayed, want those before, between and after the restarts", replayed)
		}
	})
}

// What an attempt before it was judged by is none of a start's reasons.
func TestARetryHasNoChecksOfTheAttemptBefore(t *testing.T) {
	logged(t, func(t *testing.T, b *bench) {
		b.traffic(3*time.Second, 0)
		b.mustDo("abort")
		b.pass(time.Second)
		if d := b.journal.Last("shop", 1)[0]; len(d.Checks) == 0 || differs(d, b.replay(d)) != "" {
			t.Errorf("the end has %d checks: %s", len(d.Checks), differs(d, b.replay(d)))
		}
		b.mustDo("retry")
		if d := b.journal.Last("shop", 1)[0]; d.Action != "retry" || len(d.Checks) > 0 {
			t.Errorf("the last decision is %+v, want a retry without checks", d)
		}
		b.traffic(2*time.Second, 0)
		b.mustDo("pause")
		if d := b.journal.Last("shop", 1)[0]; differs(d, b.replay(d)) != "" {
			t.Errorf("in the second attempt: %s", differs(d, b.replay(d)))
		}
	})
}

func TestADiskThatTakesNothingDelaysNoRollbackAndLeavesAGap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plan.Rollout.AbortOn = nil
		b.blocks = OpenBlocks(dir, nil)
		b.blocks.queue = 12 << 10
		b.start()
		defer func() { b.stop() }()
		b.traffic(2*time.Minute, 0) // nobody writes
		q := b.blocks.of("shop")
		if q.dropped == 0 || q.size > 2*b.blocks.queue {
			t.Errorf("%d blocks are dropped and %d bytes wait, want the queue bounded", q.dropped, q.size)
		}
		dropped := q.dropped
		if log, err := b.blocks.Read("shop", b.control.Status().Attempt); err != nil || len(log) < 8<<10 {
			t.Errorf("read %d bytes, %v; want what was queued", len(log), err)
		}
		b.traffic(5*time.Second, 0)
		b.traffic(5*time.Second, 5)
		d := b.journal.Last("shop", 1)[0]
		if d.Action != "rollback" {
			t.Fatalf("the last decision is %+v, want the rollback", d)
		}
		got := b.replay(d)
		if diff := differs(d, got); diff != "" || len(got.Flaws) != 1 || got.Flaws[0].Kind != analysis.FlawGap ||
			!strings.HasPrefix(got.Flaws[0].What, fmt.Sprint(dropped)) {
			t.Errorf("%s; flaws %+v; want a gap of %d blocks and the rest equal", diff, got.Flaws, dropped)
		}
	})
}

func TestALongAttemptsLogIsInTwoFilesOfBoundedSize(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plan.Rollout.Steps[0].Hold = time.Hour
		b.blocks = OpenBlocks(dir, nil)
		b.blocks.part = 12 << 10
		stop := b.keepBlocks()
		defer func() { stop() }()
		b.start()
		defer func() { b.stop() }()
		flaws := map[string]bool{}
		for range 12 {
			b.traffic(20*time.Second, 0)
			b.mustDo("pause")
			d := b.journal.Last("shop", 1)[0]
			b.mustDo("resume")
			got := b.replay(d)
			if diff := differs(d, got); diff != "" || len(got.Flaws) > 1 {
				t.Fatalf("%s; flaws %+v", diff, got.Flaws)
			}
			for _, f := range got.Flaws {
				flaws[f.Kind] = true
			}
			for _, l := range listBlocks(dir) {
				if l.size > 3*b.blocks.part {
					t.Errorf("the log is %d bytes, want two files of about %d", l.size, b.blocks.part)
				}
			}
		}
		if len(flaws) != 1 || !flaws[analysis.FlawRemoved] {
			t.Errorf("flaws of the kinds %v, want that the first part was removed", flaws)
		}
	})
}

func TestTheLogsOfTheNewestAttemptsAreKeptAndOnlyTheirOwnerMayReadThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := OpenBlocks(dir, nil)
	id := func(i int) string { return attemptID(time.Unix(int64(i), 0), [2]uint64{}) }
	if err := os.WriteFile(filepath.Join(dir, "other.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		for _, route := range []string{"shop", "search"} {
			q := b.of(route)
			c := q.tail(id(i), false)
			c.log = append(c.log, "x"...)
		}
		if err := b.flush(); err != nil {
			t.Fatal(err)
		}
	}
	logs := listBlocks(dir)
	if len(logs) != 2*blocksAttempts {
		t.Errorf("%d logs are kept, want %d of each route", len(logs), blocksAttempts)
	}
	for _, l := range logs {
		info, err := os.Stat(blocksPath(dir, l.route, l.attempt))
		if err != nil || info.Mode().Perm() != 0o600 || l.attempt < id(4) {
			t.Errorf("%+v: %v, %v; want the newest, mode 0600", l, info, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "other.json")); err != nil {
		t.Error(err)
	}
	if _, err := b.Read("shop", "../../etc/passwd"); err == nil {
		t.Error("a path was read as an attempt's id")
	}
}

func TestWhatADiskDoesNotTakeIsWrittenWhenItDoes(t *testing.T) {
	t.Parallel()
	dir, attempt := filepath.Join(t.TempDir(), "state"), attemptID(time.Unix(1, 0), [2]uint64{})
	b := OpenBlocks(dir, nil)
	q := b.of("shop")
	for _, text := range []string{"x", "y"} {
		c := q.tail(attempt, false)
		c.log = append(c.log, text...)
		if err := b.flush(); err == nil || !strings.Contains(err.Error(), "block log of shop") {
			t.Fatalf("flush into no folder = %v, want an error that names the route", err)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if log, err := b.Read("shop", attempt); string(log) != analysis.LogHeader+"xy" || err != nil {
		t.Errorf("the log is %q, %v; want all that was added", log, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c := q.tail(attempt, false)
	c.log = append(c.log, "z"...)
	if err := b.flush(); err != nil || !q.anew {
		t.Errorf("after the file was removed: %v, begins anew %t; want that it asks for the evidence", err, q.anew)
	}
}

func TestATornLogGoesOnAfterItsLastWholeRecord(t *testing.T) {
	t.Parallel()
	for name, tail := range map[string][]byte{"torn": {0xb7, 200, 'B'}, "noise": []byte("noise"), "none": nil} {
		dir, attempt := t.TempDir(), attemptID(time.Unix(1, 0), [2]uint64{})
		var pen analysis.LogWriter
		one := pen.Lost(nil, 1)
		path := blocksPath(dir, "shop", attempt)
		if err := os.WriteFile(path, append(append([]byte(analysis.LogHeader), one...), tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		b := OpenBlocks(dir, nil)
		c := b.of("shop").tail(attempt, false)
		c.log = append(c.log, one...)
		if err := b.flush(); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != analysis.LogHeader+string(one)+string(one) {
			t.Errorf("%s: the log is %q, %v; want its whole records and the new one", name, got, err)
		}
	}
}

func TestALogOfALaterProgramIsPutAside(t *testing.T) {
	t.Parallel()
	dir, attempt := t.TempDir(), attemptID(time.Unix(1, 0), [2]uint64{})
	path := blocksPath(dir, "shop", attempt)
	if err := os.WriteFile(path, []byte("sluice block log 2\nsomething new"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := OpenBlocks(dir, nil)
	c := b.of("shop").tail(attempt, false)
	c.log = append(c.log, "x"...)
	if err := b.flush(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path + blocksOld); err != nil || !strings.HasPrefix(string(got), "sluice block log 2") {
		t.Errorf("put aside is %q, %v; want the other program's log", got, err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != analysis.LogHeader+"x" {
		t.Errorf("the log is %q, %v; want a new one", got, err)
	}
}
