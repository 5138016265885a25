package rollout

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"sluice/analysis"
	"sluice/metrics"
)

// failing is a world whose canary has shown some evidence against itself, not enough to roll back.
func failing(t *testing.T) *world {
	t.Helper()
	return at(t, []string{"traffic stable 95/s", "boot", "tick 10s", "counts canary errors=2/20 over=2s", "tick 2s"})
}

// evidence is the process that compares the error rates.
func (w *world) evidence() analysis.Process { return w.state.Evidence.State.Tests[0].Trials.Compare }

func TestEvidenceGoesOnOverARestartInGoodOrder(t *testing.T) {
	t.Parallel()
	w := failing(t)
	before, last := w.evidence(), w.state.Evidence.State.Last
	if err := w.boot(nil); err != nil {
		t.Fatal(err)
	}
	if got := w.evidence(); got != before {
		t.Errorf("after a restart the evidence is %+v, want %+v", got, before)
	}
	w.now = 0 // another process's clock and meters
	for name := range w.meters {
		w.meters[name] = metrics.New(metrics.Config{Shards: 1, Blocks: true})
	}
	w.restart()
	w.tick(3 * time.Second)
	if got := w.state.Evidence.State.Last; got <= last || w.watch.offset%10 != 0 {
		t.Errorf("last tick is %d, want more than %d; seconds are moved by %d ticks", got, last, w.watch.offset)
	}
	if got := w.state.Checks; len(got) == 0 || got[0].Fault != "" || got[0].StableSamples == 0 {
		t.Errorf("checks = %+v, want new samples and no fault", got)
	}
}

func TestAfterACrashTheBetsAreGivenUpAndTheCashGoesOn(t *testing.T) {
	t.Parallel()
	w := failing(t)
	cash := w.evidence().Cash
	if err := w.boot([]string{"crash"}); err != nil {
		t.Fatal(err)
	}
	got := w.evidence()
	if got.Began || got.Cash >= cash || got.Cash < cash-0.03 || cash <= 0 || cash > 0.2 {
		t.Errorf("after a crash the process is %+v, want %g in cash, less what may have been staked since, and no bet", got, cash)
	}
	w.tick(3 * time.Second)
	if c := w.state.Checks[0]; c.Fault != analysis.FoldedByCrash {
		t.Errorf("after a crash the check says %q, want that its evidence began anew", c.Fault)
	}
}

// A crash before the first save loses bets that may have been losing: no process gives their stake back, however often it crashes.
func TestACrashBeforeTheFirstSaveDoesNotGiveTheFirstStakeBack(t *testing.T) {
	t.Parallel()
	for _, sticky := range []string{"false", "true"} {
		w := at(t, []string{"plan sticky=" + sticky, "traffic stable 95/s", "boot", "tick 3s"})
		for range 3 {
			w.state.Evidence.State = analysis.State{Folded: w.state.Evidence.State.Folded} // as it was saved: before the first look
			if err := w.boot([]string{"crash"}); err != nil {
				t.Fatal(err)
			}
			w.now = 0
			w.restart()
			w.tick(100 * time.Millisecond)
			if c := w.state.Checks[0]; c.Evidence > 0.31 || c.Fault != analysis.FoldedByCrash {
				t.Fatalf("sticky %s: after a crash the evidence is %g (%s), want what was not staked", sticky, c.Evidence, c.Fault)
			}
		}
	}
}

// Which users have failed is known to the process alone: after each restart their bets are given up, and the cash goes on.
func TestAfterARestartTheBetsOnUsersAreGivenUp(t *testing.T) {
	t.Parallel()
	w := at(t, []string{"plan sticky=true", "traffic stable 95/s", "boot", "tick 3s"})
	rank := w.state.Evidence.State.Tests[0].Rank
	if rank == nil || len(rank.Components) == 0 {
		t.Fatalf("the attempt has no bets on users: %+v", rank)
	}
	cash := rank.Cash
	if err := w.boot(nil); err != nil {
		t.Fatal(err)
	}
	if rank := w.state.Evidence.State.Tests[0].Rank; len(rank.Components) > 0 || rank.Cash != cash {
		t.Errorf("after a restart in good order: %+v, want %g in cash and no bet", rank, cash)
	}
}

// A reload begins the windows anew, and no canary gets rid of what speaks against it by another plan.
func TestEvidenceGoesOnOverAReload(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"reload steps=5%,30%", "reload stable=1.0.1", "reload minRequests=10"} {
		w := failing(t)
		before := w.evidence()
		words := strings.Fields(line)
		if err := w.do(words[0], words[1:]); err != nil {
			t.Fatal(err)
		}
		if got := w.evidence(); got != before || w.state.Requests != 0 {
			t.Errorf("after %s the evidence is %+v and the windows hold %d requests, want %+v and none", line, got, w.state.Requests, before)
		}
	}
}

// What speaks for or against a version ends with its attempt: the next one begins without, and the state is small enough for its reserve.
func TestAnAttemptThatEndedLeavesNoEvidence(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]string{
		"an abort":      {"command abort"},
		"a rollback":    {"counts canary errors=60/60", "tick 200ms"},
		"a new version": {"plan autoStart=false", "in-flight 1", "reload canary=1.2"},
		"a success":     {"command promote full", "command promote full"},
	} {
		w := failing(t)
		if w.state.Evidence == nil || w.state.Evidence.State.Last == 0 {
			t.Fatal("the attempt has no evidence")
		}
		for _, line := range lines {
			words := strings.Fields(line)
			if err := w.do(words[0], words[1:]); err != nil {
				t.Fatal(err)
			}
		}
		if w.state.active() || w.state.Evidence != nil {
			t.Errorf("after %s, in %s, there is evidence still: %+v", name, w.where(), w.state.Evidence)
		}
	}
}

// What was learned of stable before the attempt is where its bets begin.
func TestAnAttemptBeginsWithWhatWasLearnedOfStable(t *testing.T) {
	t.Parallel()
	w := at(t, []string{"plan autoStart=false", "traffic stable 100/s errors=4%", "boot", "tick 1m", "command start", "tick 2s"})
	learned := w.state.Evidence.State.Tests[0].Trials.Learned
	if learned.N < 2000 || learned.Bad/learned.N < 0.03 {
		t.Errorf("learned = %+v, want some thousand requests of which 4 %% failed", learned)
	}
}

// Blocks that saw a change of weight, and those from before it, are not in the new windows; the latter are evidence still.
func TestABlockIsJudgedUnderTheWeightAtWhichItArrived(t *testing.T) {
	t.Parallel()
	w := at(t, []string{"traffic stable 95/s", "traffic canary 5/s", "boot", "tick 20s"})
	w.input(&Command{Verb: "promote", Actor: "ops"})
	last := w.state.Evidence.State.Last
	if weight := w.state.Evidence.State.Weight; weight != 500 {
		t.Fatalf("weight of the newest block is %d", weight)
	}
	w.watch.look(&w.plan, &w.state, w.now.Add(500*time.Millisecond)) // what came before the change is of age now
	s := w.state.Evidence.State
	if s.Last <= last || s.Weight != 500 || w.watch.judge == nil {
		t.Errorf("the newest block is %d at weight %d, want one after %d at 5 %%", s.Last, s.Weight, last)
	}
	r := w.watch.look(&w.plan, &w.state, w.now.Add(700*time.Millisecond))
	if r.Requests != 0 || r.Pass {
		t.Errorf("%d requests in windows that have just begun, pass %v", r.Requests, r.Pass)
	}
}

// What nobody read may have spoken against the bets: they go, the cash stays.
func TestAfterBlocksWereLostTheBetsAreGivenUp(t *testing.T) {
	t.Parallel()
	w := failing(t)
	before := w.evidence()
	if err := w.do("late", []string{"1m"}); err != nil {
		t.Fatal(err)
	}
	w.input(nil)
	got := w.evidence()
	if total := logSum(got); total > before.Cash*1.000001 {
		t.Errorf("the evidence is %g, want the cash of %g at most", total, before.Cash)
	}
	if c := w.state.Checks[0]; !strings.Contains(c.Fault, "lost") {
		t.Errorf("the check says %q, want that counts were lost", c.Fault)
	}
}

// logSum is the cash and the bets.
func logSum(p analysis.Process) float64 {
	sum := p.Cash
	for _, raw := range p.Raw {
		sum += math.Exp(raw)
	}
	return sum
}

// A meter that runs backwards, or a clock that does, is never a reason to decide anything.
func TestNothingIsDecidedOnBrokenNumbersAndTheCheckSaysWhy(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]struct {
		block func(*analysis.Block)
		want  string
	}{
		"counts go back": {func(b *analysis.Block) { b.Drawn.Canary = analysis.Tally{N: 5, Bad: 1 << 63} }, "the counts went back"},
		"the clock does": {func(b *analysis.Block) { b.Tick -= 1000 }, "the clock went back"},
	} {
		w := failing(t)
		e := &w.state.Evidence.State
		before := e.Clone()
		b := analysis.Block{Tick: e.Last + 1, Weight: 500, Step: 1, Next: 2500}
		b.Drawn = analysis.Pair{Canary: analysis.Tally{N: 5000, Bad: 5000}, Stable: analysis.Tally{N: 95000}}
		spoil.block(&b)
		r := w.watch.judge.Assess(e, []analysis.Block{b}, analysis.Now{Step: 1, Next: 2500})
		s, decisions, err := Next(&w.plan, w.state, &Input{Report: r, CanaryUp: true, StableUp: true})
		if err != nil || len(decisions) > 0 || s.Phase != Progressing || s.Checks[0].Reason != analysis.ReasonFault || s.Checks[0].Fault != spoil.want {
			t.Errorf("%s: %v, %d decisions, %s, %+v", name, err, len(decisions), s.Phase, s.Checks)
		}
		if d := cmp.Diff(before, *e); d != "" {
			t.Errorf("%s: the evidence changed:\n%s", name, d)
		}
	}
}

func TestBlocksThatNobodyReadInTimeAreAFaultAndNoPass(t *testing.T) {
	t.Parallel()
	w := at(t, []string{"traffic stable 95/s", "traffic canary 5/s", "boot", "tick 1m", "late 1m"})
	w.input(nil)
	c := w.state.Checks[0]
	if c.Verdict != analysis.Insufficient || c.Reason != analysis.ReasonFault || !strings.Contains(c.Fault, "lost") {
		t.Errorf("after a minute in which nobody looked: %+v", c)
	}
	w.tick(5 * time.Second)
	if c := w.state.Checks[0]; c.Reason == analysis.ReasonFault || !strings.Contains(c.Fault, "lost") {
		t.Errorf("five seconds later: %+v, want the fault to be shown and no reason any more", c)
	}
}

func TestTheAgeOfJudgingIsTwiceStablesP99WithinItsBounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		latency, timeout, want time.Duration
		n                      int
	}{
		{20 * time.Millisecond, 0, leastRipe, 100},
		{2 * time.Second, 0, 4 * time.Second, 100},
		{2 * time.Second, 3 * time.Second, 3 * time.Second, 100},
		{20 * time.Second, 0, metrics.MaxAge, 100},
		{20 * time.Millisecond, 0, 0, 10}, // not known yet
	} {
		m := metrics.New(metrics.Config{Shards: 1, Blocks: true})
		w := watch{stable: m, from: metrics.Instant(time.Hour)}
		for range c.n {
			m.End(m.Begin(w.from, metrics.Drawn, 0), metrics.Outcome{At: w.from.Add(c.latency)})
		}
		got := w.ripe(c.timeout, w.from.Add(2*time.Second))
		if got < c.want-c.want/20 || got > c.want+c.want/20 {
			t.Errorf("%d of %s, timeout %s: judged at %s, want %s", c.n, c.latency, c.timeout, got, c.want)
		}
		if c.want == 0 {
			if got := w.ripe(c.timeout, w.from.Add(ripeAfter+time.Second)); got != usualRipe {
				t.Errorf("with %d requests in %s: %s, want %s", c.n, ripeAfter, got, usualRipe)
			}
		}
	}
}

// A user who always fails is one failure, on sticky routes, however often it comes.
func TestOnStickyRoutesAUserFailsOnce(t *testing.T) {
	t.Parallel()
	for _, users := range []uint64{1, 40} {
		w := at(t, []string{"plan sticky=true abortOn=off", "traffic stable 95/s", "boot", "tick 2s"})
		keys := w.watch.crowd.keys
		for i := range uint64(200) {
			at, who := w.now, i%users
			for s, hash := range map[metrics.Side]uint64{metrics.CanarySide: who << 33, metrics.StableSide: (1000 + i) << 33} {
				keys.End(keys.Begin(hash*0x9E3779B97F4A7C15, s, at), metrics.Outcome{At: at, Failed: s == metrics.CanarySide})
			}
			w.tick(100 * time.Millisecond)
		}
		if rolled := w.state.Outcome == RolledBack; rolled != (users > 1) {
			t.Errorf("%d users who fail: rolled back %v, %+v", users, rolled, w.state.Checks)
		}
	}
}

// The table of users is the attempt's: nobody counts after it.
func TestUsersAreCountedWhileAnAttemptHasTraffic(t *testing.T) {
	t.Parallel()
	w := newWorld()
	var told []*metrics.Keys
	w.watch.users = func(k *metrics.Keys) { told = append(told, k) }
	w.plan.Rollout.Rules.Sticky = true
	for _, line := range []string{"tick 1s", "command abort", "tick 1s"} {
		if line == "tick 1s" && w.state.Phase == "" {
			in := w.base()
			s, d, err := Boot(&w.plan, w.state, &in, false)
			if err != nil {
				t.Fatal(err)
			}
			w.become(s, d)
		}
		words := strings.Fields(line)
		if err := w.do(words[0], words[1:]); err != nil {
			t.Fatal(err)
		}
	}
	if len(told) != 2 || told[0] == nil || told[1] != nil {
		t.Errorf("told %v, want a table and then none", told)
	}
}

// One look of 100 ms at a route with 1000 requests a second, of which the canary has 5 %, with the control and without. cpu-ns is what counts
// on a busy machine.
func BenchmarkLook(b *testing.B) {
	errors := analysis.Rule{Check: analysis.Check{Name: "error-rate", Metric: analysis.ErrorRate}}
	latency := analysis.Rule{Check: analysis.Check{Name: "latency", Metric: analysis.Latency}}
	limited, p95 := errors, latency
	limited.Max, limited.HasMax = 5, true
	p95.Name, p95.Quantile, p95.Max, p95.HasMax = "latency-p95", 0.95, 100, true
	for name, rules := range map[string][]analysis.Rule{"compared": {errors, latency}, "limits": {limited, p95}} {
		for _, with := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/control=%t", name, with), func(b *testing.B) { benchmarkLook(b, rules, with) })
		}
	}
}

func benchmarkLook(b *testing.B, rules []analysis.Rule, control bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := newWorld()
	w.plan.Rollout.Rules.Rules = rules
	for _, line := range []string{"traffic stable 950/s", "traffic canary 50/s", "boot", "tick 20s"} {
		words := strings.Fields(line)
		if err := w.do(words[0], words[1:]); err != nil {
			b.Fatal(err)
		}
	}
	if !control {
		w.watch.control.run = nil
	}
	r := rand.New(rand.NewPCG(1, 2))
	arrive := func(backend string, c metrics.Cohort, n int) {
		for range n {
			end := metrics.Outcome{At: w.now.Add(time.Duration(20e6 * math.Exp(0.5*r.NormFloat64()))), Failed: r.IntN(1000) == 0}
			w.meters[backend].End(w.meters[backend].Begin(w.now, c, 0), end)
		}
	}
	var cpu time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		arrive("stable", metrics.Drawn, 90)
		arrive("stable", metrics.Mimic, 5)
		arrive("canary", metrics.Drawn, 5)
		w.now = w.now.Add(100 * time.Millisecond)
		before := threadTime(b)
		w.watch.look(&w.plan, &w.state, w.now)
		w.watch.lane(w.plan.Rollout, w.now)
		cpu += threadTime(b) - before
	}
	b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/look")
}

// threadTime is what this thread has had of a CPU.
func threadTime(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// An attempt that begins five seconds after its process knows stable's latencies of these: its first second is not lost to learning.
func TestAnAttemptThatBeginsSoonKnowsTheSecondsBeforeIt(t *testing.T) {
	t.Parallel()
	w := at(t, []string{"plan autoStart=false", "traffic stable 100/s", "boot", "tick 5s", "command start", "tick 100ms"})
	if n := w.state.Evidence.State.Tests[0].Trials.Learned.N; n < 300 {
		t.Errorf("%g requests were learned, want those of some four seconds", n)
	}
}
