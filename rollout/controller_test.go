package rollout

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/analysis"
	"sluice/metrics"
	"sluice/store"
	"sluice/store/file"
	"sluice/store/memory"
)

// moody is a store that is slow and fails on request.
type moody struct {
	memory.Store
	mu    sync.Mutex
	delay time.Duration
	err   error
	done  bool // what fails was written all the same
	lost  bool
}

func (m *moody) set(delay time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delay, m.err, m.done = delay, err, false
}

// fail makes the next writes fail; they may be done all the same.
func (m *moody) fail(delay time.Duration, err error, done bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delay, m.err, m.done = delay, err, done
}

func (m *moody) Get(ctx context.Context, name string) (store.Document, error) {
	if m.lost {
		return store.Document{}, &store.Unreadable{Name: name, Err: errors.New("torn")}
	}
	return m.Store.Get(ctx, name)
}

func (m *moody) Swap(ctx context.Context, name string, version uint64, value []byte) (store.Document, error) {
	m.mu.Lock()
	delay, err, done := m.delay, m.err, m.done
	m.mu.Unlock()
	time.Sleep(delay)
	if err != nil {
		if done {
			_, _ = m.Store.Swap(ctx, name, version, value)
		}
		return store.Document{}, err
	}
	return m.Store.Swap(ctx, name, version, value)
}

// bench is a controller with everything around it, under a synthetic clock.
type bench struct {
	t       *testing.T
	store   *moody
	meters  map[string]*metrics.Meter
	journal *Journal
	plan    Plan
	control *Controller
	stop    func()

	mu      sync.Mutex
	applied []Routing
	down    map[string]bool
	fault   bool
}

func newBench(t *testing.T) *bench {
	b := &bench{
		t: t, store: &moody{}, plan: newWorld().plan, meters: map[string]*metrics.Meter{}, down: map[string]bool{},
		journal: OpenJournal(""),
	}
	for _, name := range []string{"stable", "canary"} {
		b.meters[name] = metrics.New(metrics.Config{Shards: 1, Blocks: true})
	}
	b.plan.Rollout.Rules.BlastRadius = 0 // a burst proves nothing; the scripts are about proof
	return b
}

// start boots a controller on the bench's store and runs it.
func (b *bench) start() {
	b.t.Helper()
	c, err := New(Config{
		Plan: b.plan, Store: b.store, Journal: b.journal,
		Meters: func(name string) *metrics.Meter {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.fault {
				panic("the judge is broken")
			}
			return b.meters[name]
		},
		Available: func(name string) bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return !b.down[name]
		},
		Apply: func(r Routing) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.applied = append(b.applied, r)
		},
	})
	if err != nil {
		b.t.Fatalf("New = %v", err)
	}
	b.control = c
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := c.Run(ctx); err != nil {
			b.t.Errorf("Run = %v", err)
		}
	}()
	b.stop = func() { cancel(); <-done }
}

// pass lets time go by and everything settle.
func (b *bench) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// meterOf is Config.Meters.
func (b *bench) meterOf(name string) *metrics.Meter { return b.meters[name] }

func (b *bench) serve(backend string, n, errors int) {
	for i := range n {
		at := metrics.Now()
		b.meters[backend].End(b.meters[backend].Begin(at, metrics.Drawn, 0), metrics.Outcome{At: at, Failed: i < errors})
	}
}

func (b *bench) do(c Command) (Status, error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	return b.control.Do(ctx, c)
}

func (b *bench) mustDo(verb string) {
	b.t.Helper()
	if _, err := b.do(Command{Verb: verb, Actor: "test"}); err != nil {
		b.t.Fatalf("%s = %v", verb, err)
	}
}

// weight is the canary's in the data plane, and the phase.
func (b *bench) expect(phase Phase, applied Weight) {
	b.t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.applied[len(b.applied)-1]
	if s := b.control.Status(); s.Phase != phase || last.CanaryWeight != applied {
		b.t.Errorf("%s %s, applied %s, want %s with %s applied: %+v", s.Phase, s.Reason, last.CanaryWeight, phase, applied, s.LastDecision)
	}
}

func (b *bench) stored() State {
	b.t.Helper()
	d, err := b.store.Store.Get(b.t.Context(), "shop")
	if err != nil || d.Version == 0 {
		b.t.Fatalf("nothing is stored: %v", err)
	}
	s, err := decodeState(d.Value)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// everApplied says whether a canary weight came into force at any time.
func (b *bench) everApplied(w Weight) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.applied, func(r Routing) bool { return r.CanaryWeight == w })
}

func TestAnIncreaseIsOnDiskBeforeItIsApplied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.store.set(5*time.Second, nil)
		b.pass(150 * time.Millisecond)
		b.expect(Idle, 0) // the start is being written
		b.pass(4 * time.Second)
		b.expect(Idle, 0)
		b.pass(time.Second)
		b.expect(Progressing, 500)
		if got := b.stored(); got.Weight != 500 || got.Phase != Progressing {
			t.Errorf("stored = %+v, want the first step", got)
		}
		if held := time.Duration(b.control.Status().Held); held > 200*time.Millisecond {
			t.Errorf("held = %s, want nothing of the time of the write", held)
		}
	})
}

func TestADecreaseIsAppliedWhileTheDiskIsBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.pass(200 * time.Millisecond)
		b.expect(Progressing, 500)
		b.store.set(time.Minute, nil)
		b.serve("canary", 30, 30)
		b.pass(400 * time.Millisecond)
		b.expect(Failed, 0)
		b.pass(3 * time.Minute)
		if got := b.stored(); got.Phase != Failed {
			t.Errorf("stored = %s, want Failed", got.Phase)
		}
	})
}

func TestAnIncreaseWhoseWriteReturnsAfterAnAbortIsNeverApplied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.pass(200 * time.Millisecond)
		b.store.set(10*time.Second, nil)
		promoted := make(chan error, 1)
		go func() {
			_, err := b.do(Command{Verb: "promote"})
			promoted <- err
		}()
		b.pass(time.Second)
		b.expect(Progressing, 500)
		b.mustDo("abort")
		b.expect(RollingBack, 0)
		var refused *Refused
		if err := <-promoted; !errors.As(err, &refused) {
			t.Errorf("promote = %v, want *Refused", err)
		}
		b.pass(30 * time.Second)
		b.expect(Aborted, 0)
		if b.everApplied(2500) {
			t.Error("the increase was applied")
		}
		if got := b.stored(); got.Phase != Aborted || got.Weight != 0 {
			t.Errorf("stored = %s %s, want Aborted 0%%", got.Phase, got.Weight)
		}
		if last := b.journal.Last("shop", 1)[0]; last.Action != "abort" {
			t.Errorf("newest decision = %s, want abort", last.Action)
		}
	})
}

func TestBolderCommandsWaitForTheWriteBeforeThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.pass(200 * time.Millisecond)
		b.store.set(time.Second, nil)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { b.mustDo("promote") })
		}
		wg.Wait()
		b.expect(Baking, 9500)
		if !b.everApplied(2500) {
			t.Error("the first promote was skipped")
		}
	})
}

func TestADiskThatFailsRefusesIncreasesAndNoRollback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.pass(200 * time.Millisecond)
		full := errors.New("no space left on device")
		b.store.set(0, full)
		_, err := b.do(Command{Verb: "promote"})
		var refused *Refused
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), full.Error()) {
			t.Fatalf("promote = %v, want *Refused that names the cause", err)
		}
		b.expect(Progressing, 500)
		if got := b.control.Status().StateError; got != full.Error() {
			t.Errorf("StateError = %q, want the cause", got)
		}
		b.mustDo("pause")
		b.mustDo("abort")
		b.pass(time.Second)
		b.expect(Aborted, 0)
		b.store.set(0, nil)
		b.pass(3 * time.Second)
		if got := b.stored(); got.Phase != Aborted || b.control.Status().StateError != "" {
			t.Errorf("stored = %s, StateError = %q, want Aborted and none", got.Phase, b.control.Status().StateError)
		}
	})
}

func TestAStepGoesOnByItselfOnceTheDiskWorksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plan.Rollout.Steps[0].Hold = 5 * time.Second
		b.start()
		defer b.stop()
		b.pass(200 * time.Millisecond)
		b.store.set(0, errors.New("no space left on device"))
		b.serve("stable", 200, 0)
		b.serve("canary", 200, 0)
		b.pass(20 * time.Second)
		b.expect(Progressing, 500)
		b.store.set(0, nil)
		b.pass(3 * time.Second)
		b.expect(Progressing, 2500)
	})
}

func TestAStoreThatCanNotBeWrittenAtBootKeepsTheCanaryAtZeroUntilItCan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.pass(200 * time.Millisecond)
		b.stop()
		b.store.set(0, errors.New("read-only file system"))
		b.start()
		defer b.stop()
		if r := b.control.Routing(); r.CanaryWeight != 0 || r.Trial {
			t.Errorf("Routing after New = %+v, want the canary at 0", r)
		}
		b.pass(time.Minute)
		b.expect(Paused, 0)
		if got := b.control.Status().Reason; got != ReasonStateReadOnly {
			t.Errorf("reason = %s", got)
		}
		b.store.set(0, nil)
		b.pass(3 * time.Second)
		b.expect(Progressing, 500)
	})
}

func TestAFirstStartOnAStoreThatCanNotBeWrittenBeginsOnceItCan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.store.set(0, errors.New("read-only file system"))
		b.start()
		defer b.stop()
		b.pass(time.Minute)
		b.expect(Paused, 0)
		b.store.set(0, nil)
		b.pass(3 * time.Second)
		b.expect(Progressing, 500)
	})
}

func TestAStoreThatDoesNotAnswerAtBootKeepsTheCanaryAtZero(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.store.set(time.Minute, nil)
		b.start()
		defer b.stop()
		b.pass(time.Second)
		b.expect(Paused, 0)
		b.store.set(0, nil)
		b.pass(2 * time.Minute)
		b.expect(Progressing, 500)
	})
}

func TestAStateThatIsLostIsNotOverwrittenBeforeAPersonDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.store.lost = true
		b.start()
		defer b.stop()
		b.pass(time.Hour)
		b.expect(Paused, 0)
		if d, err := b.store.Store.Get(t.Context(), "shop"); err != nil || d.Version != 0 {
			t.Errorf("stored version %d, %v, want nothing written", d.Version, err)
		}
		b.mustDo("start")
		b.expect(Progressing, 500)
		if got := b.stored(); got.Phase != Progressing {
			t.Errorf("stored = %s, want Progressing", got.Phase)
		}
	})
}

func TestARestartGoesOnAtTheCommittedWeightWithTheTimeHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.pass(9 * time.Minute)
		b.stop()
		time.Sleep(24 * time.Hour) // nobody ran
		b.start()
		defer b.stop()
		if r := b.control.Routing(); r.CanaryWeight != 500 || !r.Trial {
			t.Errorf("Routing after New = %+v, want 5%%", r)
		}
		held := time.Duration(b.control.Status().Held)
		if held < 8*time.Minute+55*time.Second || held > 9*time.Minute {
			t.Errorf("held = %s, want 9 minutes", held)
		}
		b.pass(5 * time.Minute)
		b.expect(Progressing, 500) // minRequests apply again
		b.serve("stable", 100, 0)
		b.serve("canary", 100, 0)
		b.pass(2 * time.Second)
		b.expect(Progressing, 2500)
	})
}

func TestACrashLosesAtMostTenSecondsOfTheTimeHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		for range 20 {
			b.pass(31 * time.Second)
			stored, now := time.Duration(b.stored().Held), time.Duration(b.control.Status().Held)
			if stored > now || now-stored > saveEvery+time.Second {
				t.Fatalf("stored %s of %s held", stored, now)
			}
		}
	})
}

// A crash is a second controller on what the first one had stored.
func TestACrashBetweenApplyAndWriteOfARollbackIsRepeatedByTheNumbers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.pass(200 * time.Millisecond)
		b.store.set(0, errors.New("no space left on device"))
		b.mustDo("abort")
		b.expect(RollingBack, 0)
		b.stop()
		b.store.set(0, nil)
		b.start()
		defer b.stop()
		b.pass(time.Second)
		b.expect(Progressing, 500) // the last committed state; nothing of the abort was ever on disk
		b.serve("canary", 30, 30)
		b.pass(400 * time.Millisecond)
		b.expect(Failed, 0)
	})
}

func TestAnUnavailableCanaryIsOffTheTrafficWithinATick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.pass(200 * time.Millisecond)
		b.mu.Lock()
		b.down["canary"] = true
		b.mu.Unlock()
		b.pass(100 * time.Millisecond)
		b.expect(Paused, 0)
		b.mu.Lock()
		b.down["canary"] = false
		b.mu.Unlock()
		b.pass(200 * time.Millisecond)
		b.expect(Progressing, 500)
	})
}

func TestAFaultOfTheJudgeFreezesTheWeightsAndCommandsGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.pass(200 * time.Millisecond)
		b.mu.Lock()
		b.fault = true
		b.mu.Unlock()
		b.pass(time.Hour)
		b.expect(Progressing, 500)
		b.mu.Lock()
		b.fault = false
		b.mu.Unlock()
		b.mustDo("abort")
		b.expect(RollingBack, 0)
	})
}

func TestAReloadIsCheckedThenPutIntoForce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.pass(200 * time.Millisecond)
		next := b.plan
		next.Backends = []Backend{{"stable", "1.0"}, {"canary", "1.2"}}
		if err := b.control.CheckPlan(next); err != nil {
			t.Errorf("CheckPlan = %v", err)
		}
		b.expect(Progressing, 500)
		if err := b.control.SetPlan(t.Context(), next); err != nil {
			t.Fatalf("SetPlan = %v", err)
		}
		b.pass(300 * time.Millisecond)
		b.expect(Progressing, 500)
		if got := b.control.Status().Canary.Version; got != "1.2" {
			t.Errorf("version on trial = %s, want 1.2", got)
		}
		b.mustDo("abort")
		b.pass(time.Second)
		next.Backends = []Backend{{"stable", "1.0.1"}, {"canary", "1.2"}}
		var refused *Refused
		if err := b.control.CheckPlan(next); !errors.As(err, &refused) {
			t.Errorf("CheckPlan = %v, want *Refused", err)
		}
		if err := b.control.SetPlan(t.Context(), next); !errors.As(err, &refused) {
			t.Errorf("SetPlan = %v, want *Refused", err)
		}
	})
}

func TestARolloutThatIsRemovedLeavesNoState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.pass(200 * time.Millisecond)
		if err := b.control.Remove(t.Context()); err != nil {
			t.Fatalf("Remove = %v", err)
		}
		b.pass(time.Second)
		if d, err := b.store.Store.Get(t.Context(), "shop"); err != nil || d.Version != 0 {
			t.Errorf("stored version %d, %v, want none", d.Version, err)
		}
		if d := b.control.Decisions(1)[0]; d.Reason != ReasonConfigRemoved || d.WeightFrom != 500 {
			t.Errorf("decision = %+v, want the abort", d)
		}
	})
}

func TestManualWeightsOutliveARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plan.Rollout = nil
		b.start()
		weights := map[string]Weight{"stable": 7500, "canary": 2500}
		if _, err := b.do(Command{Verb: "set-weight", Weights: weights}); err != nil {
			t.Fatalf("set-weight = %v", err)
		}
		b.stop()
		b.start()
		if r := b.control.Routing(); r.CanaryWeight != 2500 || r.PairWeight != Full {
			t.Errorf("Routing = %+v, want 25%%", r)
		}
		b.stop()
		b.plan.Weights = map[string]Weight{"stable": 9000, "canary": 1000}
		b.start()
		defer b.stop()
		if r := b.control.Routing(); r.CanaryWeight != 1000 {
			t.Errorf("Routing = %+v, want the file's new 10%%", r)
		}
	})
}

func TestSubscribersAreNudgedAndGetNoMoreAfterTheirEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		ctx, cancel := context.WithCancel(t.Context())
		ch := b.control.Subscribe(ctx)
		b.pass(200 * time.Millisecond)
		if _, ok := <-ch; !ok {
			t.Error("closed, want a nudge of the start")
		}
		cancel()
		synctest.Wait()
		if _, ok := <-ch; ok {
			t.Error("a nudge after the end")
		}
	})
}

func TestAfterItsEndACommandIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.stop()
		if _, err := b.do(Command{Verb: "abort"}); !errors.Is(err, errStopped) {
			t.Errorf("Do = %v, want %v", err, errStopped)
		}
		if got := b.control.Status().Phase; got != Idle {
			t.Errorf("Status = %s, want Idle", got)
		}
	})
}

func TestAPlanThatContradictsItselfIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Rollout){
		"no backend": func(r *Rollout) { r.Canary = "gone" },
		"the same":   func(r *Rollout) { r.Canary = "stable" },
		"rise":       func(r *Rollout) { r.Steps = []Step{{Weight: 500}, {Weight: 500}} },
		"bakeStable": func(r *Rollout) { r.BakeStable = Full + 1 },
	} {
		p := newWorld().plan
		change(p.Rollout)
		if _, err := New(Config{Plan: p, Store: &memory.Store{}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want an error with %q", err, want)
		}
	}
}

func TestAttemptIDsSortByTimeAndHave26Characters(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1469918176385) // the example of the ULID specification: 01ARYZ6S41
	a, b := attemptID(at, [2]uint64{^uint64(0), ^uint64(0)}), attemptID(at.Add(time.Millisecond), [2]uint64{})
	if len(a) != 26 || !strings.HasPrefix(a, "01ARYZ6S41") || a >= b {
		t.Errorf("ids = %s, %s", a, b)
	}
}

func TestTheStateIsTheSameAfterAWayThroughTheFileStore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	fs, err := file.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	w := newWorld()
	for _, step := range [][]string{{"boot"}, {"tick", "1s"}, {"traffic", "stable", "95/s"}, {"counts", "canary", "errors=40/100", "over=5s"}} {
		if err := w.do(step[0], step[1:]); err != nil {
			t.Fatal(err)
		}
	}
	b, err := w.state.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Swap(t.Context(), "shop", 0, b); err != nil {
		t.Fatal(err)
	}
	d, err := fs.Get(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeState(d.Value)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.state, got); diff != "" {
		t.Errorf("state: %s", diff)
	}
	if got.Checks[0].Verdict != analysis.Fail {
		t.Errorf("checks = %+v", got.Checks)
	}
}
