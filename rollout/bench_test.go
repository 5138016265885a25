package rollout

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/metrics"
	"sluice/store"
	"sluice/store/memory"
)

// moody is a store that is slow and fails on request.
type moody struct {
	memory.Store
	mu    sync.Mutex
	delay time.Duration
	err   error
	done  bool // what fails was written all the same
	room  bool // what fails can be held
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

func (m *moody) Hold(ctx context.Context, name string, _ uint64, value []byte) (store.Document, error) {
	m.mu.Lock()
	err, room := m.err, m.room
	m.mu.Unlock()
	if err != nil && !room {
		return store.Document{}, err
	}
	now, _ := m.Store.Get(ctx, name)
	return m.Store.Swap(ctx, name, now.Version, value)
}

// bench is a controller with everything around it, under a synthetic clock.
type bench struct {
	t       *testing.T
	store   *moody
	meters  map[string]*metrics.Meter
	journal *Journal
	blocks  *Blocks
	plan    Plan
	control *Controller
	stop    func()

	mu      sync.Mutex
	applied []Routing
	down    map[string]bool
	fault   bool
	cut     []string // whose streams were ended; the loop's, while it runs
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
		Plan: b.plan, Store: b.store, Journal: b.journal, Blocks: b.blocks,
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
		CutStreams: func(name string) { b.cut = append(b.cut, name) },
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

// put is a state in the store that no loop of now has written.
func (b *bench) put(s State) {
	b.t.Helper()
	now, err := b.store.Store.Get(b.t.Context(), "shop")
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := s.encode()
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.store.Store.Swap(b.t.Context(), "shop", now.Version, text); err != nil {
		b.t.Fatal(err)
	}
}

// everApplied says whether a canary weight came into force at any time.
func (b *bench) everApplied(w Weight) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.applied, func(r Routing) bool { return r.CanaryWeight == w })
}

// onBench runs a test on a bench of its own, under a synthetic clock, with an attempt that is at its first step.
func onBench(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer func() { b.stop() }()
		b.pass(200 * time.Millisecond)
		test(t, b)
	})
}
