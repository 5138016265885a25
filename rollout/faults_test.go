package rollout

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

var faultRuns = flag.Int("fault-runs", 25, "random runs of TestNoFaultMakesTheCanaryBolderThanWhatIsWritten")

// Random ticks, counts, commands, reloads, outages, slow and failing writes, crashes. Whatever comes: nothing bolder is applied than what
// is on disk, and an abort takes the canary off at once.
func TestNoFaultMakesTheCanaryBolderThanWhatIsWritten(t *testing.T) {
	t.Parallel()
	first := uint64(time.Now().UnixNano())
	for i := range *faultRuns {
		seed := first + uint64(i)
		synctest.Test(t, func(t *testing.T) {
			newFaults(t, seed).run()
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

type faults struct {
	*bench
	random *rand.Rand
	before Routing // the last one that was applied in this process
	cancel context.CancelFunc
	done   chan struct{}
}

func newFaults(t *testing.T, seed uint64) *faults {
	f := &faults{bench: newBench(t), random: rand.New(rand.NewPCG(seed, 1))}
	for i := range f.plan.Rollout.Steps {
		f.plan.Rollout.Steps[i].Hold = time.Duration(f.random.IntN(20)) * time.Second
	}
	f.plan.Rollout.Bake = 20 * time.Second
	return f
}

func (f *faults) boot() {
	plan := f.plan
	control, err := New(Config{
		Plan: plan, Store: f.store, Journal: f.journal, Meters: f.meterOf, Apply: f.apply,
		Available: func(name string) bool { f.mu.Lock(); defer f.mu.Unlock(); return !f.down[name] },
		InFlight:  func(string) int64 { return 0 },
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.control = control
	f.before = control.Routing()
	stored, err := f.store.Store.Get(f.t.Context(), "shop")
	if err != nil {
		f.t.Fatal(err)
	}
	if stored.Version > 0 {
		s, err := decodeState(stored.Value)
		if err != nil {
			f.t.Fatal(err)
		}
		committed := RoutingOf(&plan, &s)
		if rises(&committed, &f.before) {
			f.t.Errorf("boot applies %+v, on disk is %+v", f.before, committed)
		}
	}
	ctx, cancel := context.WithCancel(f.t.Context())
	f.cancel, f.done = cancel, make(chan struct{})
	go func() {
		defer close(f.done)
		_ = control.Run(ctx)
	}()
}

// apply checks that what is bolder than before is on disk.
func (f *faults) apply(r Routing) {
	if rises(&f.before, &r) {
		d, err := f.store.Store.Get(context.Background(), "shop")
		if err != nil || d.Version == 0 {
			f.t.Errorf("applied %+v with nothing on disk", r)
			return
		}
		s, err := decodeState(d.Value)
		if err != nil {
			f.t.Error(err)
			return
		}
		if committed := RoutingOf(&f.plan, &s); !committed.same(&r) && rises(&committed, &r) {
			f.t.Errorf("applied %+v, on disk is %+v", r, committed)
		}
	}
	if r.Seq < f.before.Seq {
		f.t.Errorf("applied seq %d after %d", r.Seq, f.before.Seq)
	}
	f.before = r
}

func (f *faults) run() {
	f.boot()
	for range 300 {
		f.act()
		if f.t.Failed() {
			break
		}
	}
	f.store.set(0, nil)
	f.crash()
}

func (f *faults) crash() {
	f.cancel()
	<-f.done
	time.Sleep(time.Minute) // a write under way ends, as it may after a kill
	synctest.Wait()
}

func (f *faults) act() {
	verbs := []string{"start", "pause", "resume", "promote", "promote", "abort", "retry", "undo", "set-weight"}
	switch f.random.IntN(12) {
	case 0:
		f.store.set(time.Duration(f.random.IntN(4000))*time.Millisecond, nil)
	case 1:
		f.store.set(time.Duration(f.random.IntN(1000))*time.Millisecond, errors.New("no space left on device"))
	case 2, 3:
		f.store.set(0, nil)
	case 4:
		f.serve("canary", 40, f.random.IntN(2)*f.random.IntN(10))
		f.serve("stable", 100, 0)
	case 5, 6:
		f.serve("canary", 200, 0)
		f.pass(time.Duration(f.random.IntN(30)) * time.Second)
	case 7, 8:
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
			f.boot()
		}
	}
	f.pass(time.Duration(f.random.IntN(2000)) * time.Millisecond)
}

func (f *faults) command(verb string) {
	c := Command{Verb: verb, Full: f.random.IntN(4) == 0}
	if verb == "set-weight" {
		canary := Weight(f.random.IntN(10001))
		c.Weights = map[string]Weight{"canary": canary, "stable": Full - canary}
	}
	go func() { // as a person who goes away: the answer may come late
		ctx, cancel := context.WithTimeout(f.t.Context(), 5*time.Second)
		defer cancel()
		_, err := f.control.Do(ctx, c)
		if verb == "abort" && err == nil && f.control.Routing().Trial && f.control.Status().Outcome != "" {
			f.t.Errorf("after an abort the routing is %+v", f.control.Routing())
		}
	}()
	synctest.Wait()
	if s := f.control.Status(); verb == "abort" && (f.control.Routing().Trial || s.Phase == Progressing || s.Phase == Baking) {
		f.t.Errorf("at once after an abort: %s, routing %+v", s.Phase, f.control.Routing())
	}
}

// change reloads with other versions or steps.
func (f *faults) change() {
	p := f.plan
	r := *p.Rollout
	p.Rollout = &r
	versions := []string{"1.0", "1.1", "1.2", "1.3"}
	p.Backends = append([]Backend(nil), p.Backends...)
	switch f.random.IntN(3) {
	case 0:
		p.Backends[f.random.IntN(2)].Version = versions[f.random.IntN(4)]
	case 1:
		low, high := Weight(100+f.random.IntN(2000)), Weight(3000+f.random.IntN(5000))
		r.Steps = []Step{{low, 5 * time.Second, 10}, {high, 5 * time.Second, 10}}
	case 2:
		r.BakeStable = Weight(f.random.IntN(1000))
	}
	before := f.control.Status().Weight
	old := f.plan
	f.plan = p
	if err := f.control.SetPlan(f.t.Context(), p); err != nil {
		f.plan = old
		return
	}
	if s := f.control.Status(); s.Weight > before && s.Phase != Succeeded && f.control.state.Manual == nil && before != 0 {
		f.t.Errorf("a reload raised the weight from %s to %s in %s", before, s.Weight, s.Phase)
	}
}
