package rollout

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/analysis"
	"sluice/metrics"
	"sluice/store"
)

var (
	faultRuns = flag.Int("fault-runs", 25, "random runs of TestNoFaultMakesTheCanaryBolderThanWhatIsWritten")
	faultSeed = flag.Uint64("fault-seed", 0, "seed of the first of them; 0 takes the clock")
)

// Random plans and modes, a wall clock that jumps, ticks, counts, commands, approvals that come twice or late, reloads, outages, slow, failing and torn writes,
// kills between any two of them; the judge is mostly the one that ships. Whatever comes: nothing bolder is applied than what is on disk; a weight rises for evidence or for a
// person; an abort and a dead canary take it off at once; each approval opens one gate once, in its time; every transition has its event;
// a process begins where a committed state says, or at 0. The long form is -fault-runs=5000.
func TestNoFaultMakesTheCanaryBolderThanWhatIsWritten(t *testing.T) {
	t.Parallel()
	first := *faultSeed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	proofs := 0
	for i := range *faultRuns {
		seed := first + uint64(i)
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("again with -fault-runs=1 -fault-seed=%d", seed)
				}
			}()
			f := newFaults(t, seed)
			f.run()
			proofs += f.proofs
		})
	}
	t.Logf("%d runs from seed %d: %d steps passed within a blast radius", *faultRuns, first, proofs)
	if proofs == 0 && *faultRuns >= 100 {
		t.Error("no step of these passed by its numbers: the runs show nothing of the judge")
	}
}

type faults struct {
	*bench
	random *rand.Rand
	handle *handle
	cancel context.CancelFunc
	done   chan struct{}

	// What the loop's calls and the test both touch is under watch.
	watch     sync.Mutex
	before    Routing // the last one that was applied in this process
	served    uint64  // canary requests since the numbers began
	seen      uint64  // and since the attempt did
	whose     string  // which attempt that is
	proofs    int     // steps that a judge with a blast radius has let pass
	lived     time.Duration
	skew      atomic.Int64 // of the wall clock
	bornAt    time.Time
	weightAt  time.Duration // lived when the weight changed
	planAt    time.Duration // and when the plan did
	commands  map[string]time.Duration
	approvals []*asked
	sickAt    time.Duration // stable failed requests
	backAt    time.Duration // the wall clock was set back
	bootAt    time.Duration

	keys   atomic.Pointer[metrics.Keys] // where users are counted
	phase  Phase                        // after the last event that was seen
	newest *Decision                    // the last event that was seen
}

// asked is an approval that was sent.
type asked struct {
	command Command
	at      time.Duration
	wall    time.Time // when it was answered
	unsure  bool      // which the wall clock showed when it was taken, as it was set back before the answer
	refused bool
	used    bool
}

// handle is a process's way to the store: after a kill nothing of it comes through, unless it was on its way.
type handle struct {
	store.Store
	dead  atomic.Bool
	lands bool // what is on its way at the kill is written
}

var errKilled = errors.New("the process was killed")

func (h *handle) Swap(ctx context.Context, name string, version uint64, value []byte) (store.Document, error) {
	if h.dead.Load() {
		return store.Document{}, errKilled
	}
	return h.Store.Swap(ctx, name, version, value)
}

func (h *handle) Hold(ctx context.Context, name string, version uint64, value []byte) (store.Document, error) {
	if h.dead.Load() {
		return store.Document{}, errKilled
	}
	return h.Store.Hold(ctx, name, version, value)
}

// cut stands behind the store's delay: a write that was on its way at the kill is lost there.
type cut struct {
	*moody
	handle *handle
}

func (c *cut) Swap(ctx context.Context, name string, version uint64, value []byte) (store.Document, error) {
	c.mu.Lock()
	delay, err, done := c.delay, c.err, c.done
	c.mu.Unlock()
	time.Sleep(delay)
	if c.handle.dead.Load() && !c.handle.lands {
		return store.Document{}, errKilled
	}
	if err != nil && !done {
		return store.Document{}, err
	}
	d, swapped := c.moody.Store.Swap(ctx, name, version, value)
	if err != nil {
		return store.Document{}, err
	}
	return d, swapped
}

func newFaults(t *testing.T, seed uint64) *faults {
	f := &faults{bench: newBench(t), random: rand.New(rand.NewPCG(seed, 1)), commands: map[string]time.Duration{}, sickAt: -time.Hour}
	r := f.plan.Rollout
	for i := range r.Steps {
		r.Steps[i].Hold = time.Duration(f.random.IntN(20)) * time.Second
	}
	r.Bake = 20 * time.Second
	r.Decision = []string{Auto, Auto, Manual, Hybrid}[f.random.IntN(4)]
	r.OnInsufficient = []string{OnWait, OnPause, OnPromote, OnRollback}[f.random.IntN(4)]
	r.MaxWait = time.Duration(30+f.random.IntN(60)) * time.Second
	f.plan.Receivers = f.random.IntN(2) == 0
	f.judged(r)
	r.Stops = f.stops()
	if f.random.IntN(2) == 0 {
		r.Sampled = analysis.SampledRules{Checks: sampledOf("queue:100"), ConsecutiveFailureLimit: 3}
	}
	return f
}

// stops are a few gates and pauses, in the order of their weights.
func (f *faults) stops() []Stop {
	var out []Stop
	for before := 1; before <= 3; before++ {
		switch f.random.IntN(5) {
		case 0:
			out = append(out, Stop{Before: before, Gate: "qa", Expires: time.Duration(5+f.random.IntN(60)) * time.Second})
		case 1:
			out = append(out, Stop{Before: before, Gate: "qa"}, Stop{Before: before, Gate: "security"})
		case 2:
			out = append(out, Stop{Before: before, Pause: time.Duration(1+f.random.IntN(10)) * time.Second})
		}
	}
	return out
}

func (f *faults) now() time.Duration { return f.lived + time.Since(f.bornAt) }

// wall is a clock that somebody sets now and then. The time that is measured goes on meanwhile, and stops while a machine is suspended.
func (f *faults) wall() time.Time { return time.Now().Add(time.Duration(f.skew.Load())) }

// setClock lets the wall clock jump: by a little, by hours, to where it should be.
func (f *faults) setClock() {
	jumps := []time.Duration{time.Second, 10 * time.Second, time.Minute, time.Hour, 30 * time.Hour}
	jump := jumps[f.random.IntN(len(jumps))]
	switch f.random.IntN(4) {
	case 0:
		if f.skew.Swap(0) > 0 {
			f.watch.Lock()
			f.backAt = f.now()
			f.watch.Unlock()
		}
	case 1:
		f.skew.Add(int64(-jump))
		f.watch.Lock()
		f.backAt = f.now()
		f.watch.Unlock()
	default: // forward, as after a suspend too: nothing ran meanwhile
		f.skew.Add(int64(jump))
	}
}

func (f *faults) boot() {
	plan := f.plan
	f.handle = &handle{}
	f.handle.Store = &cut{f.store, f.handle}
	f.bornAt, f.bootAt = time.Now(), f.lived
	control, err := New(Config{
		Plan: plan, Store: &reading{f.handle, f.store}, Journal: f.journal, Meters: f.meterOf, Apply: f.apply,
		Available: func(name string) bool { f.mu.Lock(); defer f.mu.Unlock(); return !f.down[name] },
		InFlight:  func(string) int64 { return 0 },
		Now:       f.wall, Users: f.keys.Store,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.watch.Lock()
	f.control, f.before, f.served = control, control.Routing(), 0
	f.watch.Unlock()
	f.phase, f.newest = control.Status().Phase, f.last()
	f.checkBoot(&plan)
	ctx, cancel := context.WithCancel(f.t.Context())
	f.cancel, f.done = cancel, make(chan struct{})
	go func() {
		defer close(f.done)
		_ = control.Run(ctx)
	}()
}

// reading gets from the moody store, which may have lost the state.
type reading struct {
	*handle
	moody *moody
}

func (r *reading) Get(ctx context.Context, name string) (store.Document, error) {
	return r.moody.Get(ctx, name)
}

// committed is what is on disk; ok is false where nothing is.
func (f *faults) committed() (s State, ok bool) {
	d, err := f.store.Store.Get(context.Background(), "shop")
	if err != nil || d.Version == 0 {
		return State{}, false
	}
	if s, err = decodeState(d.Value); err != nil {
		f.t.Error(err)
	}
	return s, true
}

// checkBoot: a process begins with a committed state, or with the canary at 0.
func (f *faults) checkBoot(plan *Plan) {
	s, ok := f.committed()
	status, safe := f.control.Status(), f.before.CanaryWeight == 0 && !f.before.Trial
	switch {
	case f.store.lost:
		if !safe || status.Reason != ReasonStateLost {
			f.t.Errorf("boot without the state: %s %s, routing %+v", status.Phase, status.Reason, f.before)
		}
	case !ok:
		if !safe {
			f.t.Errorf("boot with nothing on disk: routing %+v", f.before)
		}
	case f.store.err != nil && s.Manual == nil:
		if !safe || status.Reason != ReasonStateReadOnly {
			f.t.Errorf("boot with a disk that can't be written: %s %s, routing %+v", status.Phase, status.Reason, f.before)
		}
	default:
		committed := RoutingOf(plan, &s)
		if rises(&committed, &f.before) {
			f.t.Errorf("boot applies %+v, on disk is %+v", f.before, committed)
		}
		if status.Phase != Paused && (status.Attempt != s.Attempt || status.Phase != s.Phase) {
			f.t.Errorf("boot in %s of %s, on disk is %s of %s", status.Phase, status.Attempt, s.Phase, s.Attempt)
		}
	}
}

// apply checks that what is bolder than before is on disk, and for a good reason.
func (f *faults) apply(r Routing) {
	f.watch.Lock()
	defer f.watch.Unlock()
	if f.handle.dead.Load() {
		return
	}
	if rises(&f.before, &r) {
		s, ok := f.committed()
		if !ok {
			f.t.Errorf("applied %+v with nothing on disk", r)
			return
		}
		if committed := RoutingOf(&f.plan, &s); !committed.same(&r) && rises(&committed, &r) {
			f.t.Errorf("applied %+v, on disk is %+v", r, committed)
		}
		if s.Last == nil {
			f.t.Errorf("applied %+v without a decision", r)
			return
		}
		f.explain(&s, s.Last)
		if s.Last.Reason != ReasonStateReadOnly { // the time held at the same step goes on
			f.weightAt = f.now()
		}
	}
	if r.Seq < f.before.Seq {
		f.t.Errorf("applied seq %d after %d", r.Seq, f.before.Seq)
	}
	if !f.before.same(&r) {
		f.served = 0
	}
	f.before = r
}

// run is one life of a plan.
func (f *faults) run() {
	f.boot()
	for range 300 {
		f.act()
		f.follow()
		if f.t.Failed() {
			break
		}
	}
	f.store.set(0, nil)
	f.crash()
}

// crash ends the process. One that is killed applies and writes nothing more, but what is on its way to the disk may land.
func (f *faults) crash() {
	if f.random.IntN(4) > 0 {
		f.handle.lands = f.random.IntN(2) == 0
		f.handle.dead.Store(true)
	}
	f.cancel()
	<-f.done
	f.watch.Lock()
	f.lived = f.now()
	f.bornAt = time.Now()
	f.watch.Unlock()
	time.Sleep(time.Minute) // a write under way ends
	synctest.Wait()
}

func (f *faults) act() {
	switch f.random.IntN(21) {
	case 0:
		f.store.set(time.Duration(f.random.IntN(4000))*time.Millisecond, nil)
	case 1:
		f.store.mu.Lock()
		f.store.room = f.random.IntN(2) == 0
		f.store.mu.Unlock()
		f.store.fail(time.Duration(f.random.IntN(1000))*time.Millisecond, errors.New("no space left on device"), f.random.IntN(3) == 0)
	case 2, 3:
		f.store.set(0, nil)
	case 4:
		f.count("canary", 40, f.random.IntN(2)*f.random.IntN(10))
		f.count("stable", 100, 0)
	case 5, 6:
		f.count("stable", 400, 0)
		f.count("canary", 200, 0)
		f.pass(time.Duration(f.random.IntN(30)) * time.Second)
	case 7, 8:
		verbs := []string{"start", "pause", "resume", "promote", "promote", "abort", "retry", "undo", "set-weight"}
		f.command(verbs[f.random.IntN(len(verbs))])
	case 9:
		f.mu.Lock()
		f.down[[]string{"stable", "canary"}[f.random.IntN(2)]] = f.random.IntN(3) == 0
		f.mu.Unlock()
	case 10:
		f.change()
	case 11:
		if f.random.IntN(4) == 0 {
			f.crash()
			f.store.lost = f.random.IntN(6) == 0
			f.setClock()
			f.boot()
			f.store.lost = false
		}
	case 12, 13:
		f.approve()
	case 14:
		f.die()
	case 15:
		f.count("stable", 60, 10)
		f.watch.Lock()
		f.sickAt = f.now()
		f.watch.Unlock()
	case 16, 17:
		f.setClock()
	case 18, 19:
		f.flow()
	case 20:
		f.several()
	}
	f.sampleQueue()
	f.pass(time.Duration(f.random.IntN(2000)) * time.Millisecond)
}

// count serves requests of the backend in a role: the roles follow the traffic.
func (f *faults) count(role string, n, errors int) {
	r := f.control.Routing()
	if role == "stable" {
		f.serve(r.Stable, n, errors)
		return
	}
	f.watch.Lock()
	f.served += uint64(n)
	if attempt := f.control.Status().Attempt; attempt != f.whose {
		f.whose, f.seen = attempt, 0
	}
	f.seen += uint64(n)
	f.watch.Unlock()
	f.serve(r.Canary, n, errors)
}
