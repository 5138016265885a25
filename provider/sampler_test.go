package provider

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/analysis"
	"sluice/internal/testkit"
	"sluice/metrics"
	"sluice/rollout"
	"sluice/store/memory"
)

// asked is a rollout that keeps what it is told.
type asked struct {
	mu       sync.Mutex
	now      rollout.Sampling
	running  bool
	readings []rollout.Reading
}

func (a *asked) Sampling() (rollout.Sampling, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now, a.running
}

func (a *asked) Sample(_ context.Context, r rollout.Reading) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.readings = append(a.readings, r)
	return nil
}

// told are the samples of a check.
func (a *asked) told(check string) (out []analysis.Sample) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.readings {
		if r.Check == check {
			out = append(out, r.Sample)
		}
	}
	return out
}

func (a *asked) run(running bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now, a.running, a.readings = rollout.Sampling{Attempt: "1", Canary: "canary", Stable: "stable"}, running, nil
}

// source is a Source in a function.
type source func(context.Context) (float64, error)

func (s source) Read(ctx context.Context) (float64, error) { return s(ctx) }

func hanging(ctx context.Context) (float64, error) {
	<-ctx.Done()
	return 0, errors.New("no answer")
}

// hosts are Hosts in a function.
type hosts func() Usage

func (h hosts) Read(context.Context) Usage { return h() }

func start(s *Sampler) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Run(ctx)
	}()
	return func() { cancel(); <-done }
}

func TestEachCheckIsSampledAtItsIntervalWhileAnAttemptHasTraffic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &asked{}
		var n atomic.Int64
		s := New("shop", to, Settings{Checks: []Check{
			{Name: "a", Interval: 5 * time.Second, Timeout: time.Second, Source: source(func(context.Context) (float64, error) { return float64(n.Add(1)), nil })},
			{Name: "hangs", Interval: 5 * time.Second, Timeout: 30 * time.Second, Source: source(hanging)},
			{Name: "broken", Interval: 10 * time.Second, Timeout: time.Second, Source: source(func(context.Context) (float64, error) { panic("broken") })},
		}}, nil)
		defer start(s)()
		time.Sleep(time.Minute)
		if n := n.Load(); n > 0 {
			t.Errorf("without an attempt the source was asked %d times, want 0", n)
		}
		to.run(true)
		time.Sleep(time.Minute)
		if got := len(to.told("a")); got < 11 || got > 13 {
			t.Errorf("in a minute there were %d samples at an interval of 5 s, want about 12", got)
		}
		if got := to.told("hangs"); len(got) < 1 || len(got) > 2 || got[0].Error != "no answer" {
			t.Errorf("a source that hangs for 30 s gave %v, want one or two errors", got)
		}
		if got := to.told("broken"); len(got) < 5 || got[0].Error != "bug: broken" {
			t.Errorf("a source with a fault gave %v, want six errors or so", got)
		}
	})
}

func TestALookAtTheHostsIsOneSampleAndPublishedAlwaysAndWithdrawnAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &asked{}
		var looked atomic.Int64
		both := hosts(func() (u Usage) {
			looked.Add(1)
			u[metrics.CPU].Ratio, u[metrics.Memory].Err = 0.4, errors.New("no memory")
			return u
		})
		meters := map[string]*metrics.Meter{"canary": metrics.New(metrics.Config{}), "stable": metrics.New(metrics.Config{})}
		s := New("shop", to, Settings{
			Checks: []Check{{Name: "cpu", Interval: 3 * time.Second, Use: metrics.CPU}, {Name: "memory", Interval: time.Minute, Use: metrics.Memory}},
			Hosts:  map[string]Hosts{"canary": both, "stable": hosts(func() (u Usage) { u[metrics.CPU].Ratio = 0.1; return u })},
			Meters: meters,
		}, nil)
		stop := start(s)
		time.Sleep(10 * time.Second)
		if v, ok := meters["canary"].LastUse(metrics.CPU); v != 0.4 || !ok {
			t.Errorf("without an attempt the use is shown as %v, %v, want 0.4", v, ok)
		}
		to.run(true)
		looked.Store(0)
		time.Sleep(3*time.Minute + time.Second)
		want := analysis.Sample{Value: 40, Stable: 10, HasStable: true}
		got, looks := to.told("cpu"), int(looked.Load())
		if len(got) > looks+1 || len(got) < looks*9/10 {
			t.Errorf("%d looks gave %d samples, want as many", looks, len(got))
		}
		for _, x := range got {
			if diff := cmp.Diff(want, x); diff != "" {
				t.Fatalf("a sample differs:\n%s", diff)
			}
		}
		if got := to.told("memory"); len(got) != 3 || got[0].Error != "no memory" {
			t.Errorf("memory gave %v, want three errors", got)
		}
		stop()
		if v, ok := meters["canary"].LastUse(metrics.CPU); ok {
			t.Errorf("after the end the use is still shown as %v", v)
		}
	})
}

func TestASampleOfTheHostsSaysSinceWhenItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &asked{}
		s := New("shop", to, Settings{
			Checks: []Check{{Name: "cpu", Interval: 4 * time.Second, Use: metrics.CPU}},
			Hosts:  map[string]Hosts{"canary": hosts(func() (u Usage) { return u })},
		}, nil)
		defer start(s)()
		time.Sleep(10 * time.Second)
		begun := metrics.Now()
		to.run(true)
		time.Sleep(20 * time.Second)
		to.mu.Lock()
		defer to.mu.Unlock()
		if len(to.readings) < 2 || to.readings[0].Since >= begun || to.readings[len(to.readings)-1].Since < begun {
			t.Errorf("a first look that began before the attempt, and later ones: %+v", to.readings)
		}
	})
}

func TestHostsThatDoNotAnswerAreNoValueAfterAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to, never := &asked{}, make(chan struct{})
		var n atomic.Int64
		defer close(never)
		s := New("shop", to, Settings{
			Checks: []Check{{Name: "cpu", Interval: time.Second, Use: metrics.CPU}, {Name: "other", Interval: time.Second, Use: metrics.CPU}},
			Hosts: map[string]Hosts{"canary": hosts(func() (u Usage) {
				if n.Add(1) > 1 {
					<-never
				}
				return u
			})},
		}, nil)
		stop := start(s)
		to.run(true)
		time.Sleep(5 * time.Second)
		if got := to.told("cpu"); len(got) != 1 || got[0].Error != "" {
			t.Errorf("one look gave %v, want one sample", got)
		}
		time.Sleep(10 * time.Second)
		if got := to.told("cpu"); got[len(got)-1].Error == "" {
			t.Errorf("hosts that hang for 15 s gave %v, want an error at last", got)
		}
		to.mu.Lock()
		to.now.Canary = "third"
		to.mu.Unlock()
		time.Sleep(2 * time.Second)
		if got := to.told("cpu"); got[len(got)-1].Error != "nothing says what the hosts of third use" {
			t.Errorf("a backend without hosts gave %v", got[len(got)-1])
		}
		never <- struct{}{}
		stop()
	})
}

func TestFewReportsAreNoOutageAndNoneForLongAreOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to, n := &asked{}, 0 // of the one goroutine that looks
		m := metrics.New(metrics.Config{})
		s := New("shop", to, Settings{
			Checks: []Check{{Name: "cpu", Interval: time.Second, Use: metrics.CPU}},
			Hosts: map[string]Hosts{"canary": hosts(func() Usage {
				if n++; n%5 == 1 && n < 30 {
					m.Report(metrics.CPU, 0.5)
				}
				return NewReports(m).Read(context.Background())
			})},
			Meters: map[string]*metrics.Meter{"canary": m},
		}, nil)
		defer start(s)()
		to.run(true)
		time.Sleep(25 * time.Second)
		for _, x := range to.told("cpu") {
			if x.Error != "" || x.Value != 50 {
				t.Errorf("a report every 5 s gave %v, want 50 alone", x)
			}
		}
		if got := len(to.told("cpu")); got < 4 || got > 6 {
			t.Errorf("5 reports gave %d samples, want as many", got)
		}
		time.Sleep(30 * time.Second)
		got := to.told("cpu")
		if last := got[len(got)-1]; last.Error == "" {
			t.Errorf("without a report for 25 s the last sample is %v, want an error", last)
		}
		if v, ok := m.LastUse(metrics.CPU); ok {
			t.Errorf("it is still shown as %v", v)
		}
	})
}

// A source that hangs keeps neither the rollout nor another check from rolling back.
func TestASourceThatHangsDelaysNoRollback(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(*rollout.Controller, *metrics.Meter){
		"of another check": nil,
		"of the requests": func(_ *rollout.Controller, m *metrics.Meter) {
			for range 50 {
				m.End(m.Begin(metrics.Now(), metrics.Drawn, 0), metrics.Outcome{At: metrics.Now(), Failed: true})
			}
		},
		"of a person": func(c *rollout.Controller, _ *metrics.Meter) {
			_, _ = c.Do(context.Background(), rollout.Command{Verb: "abort"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{})
			var once sync.Once
			hangs := source(func(ctx context.Context) (float64, error) {
				once.Do(func() { close(asked) })
				<-ctx.Done() // for an hour
				return 0, ctx.Err()
			})
			over := source(func(context.Context) (float64, error) {
				if act != nil {
					return 1, nil
				}
				return 1000, nil
			})
			limit := func(name string) analysis.SampledCheck {
				return analysis.SampledCheck{Name: name, Metric: name, Max: 100, HasMax: true}
			}
			meters := map[string]*metrics.Meter{"stable": metrics.New(metrics.Config{Blocks: true}), "canary": metrics.New(metrics.Config{Blocks: true})}
			c, err := rollout.New(rollout.Config{
				Plan: rollout.Plan{
					Route: "shop", Backends: []rollout.Backend{{Name: "stable", Version: "1"}, {Name: "canary", Version: "2"}},
					Rollout: &rollout.Rollout{
						Stable: "stable", Canary: "canary", Steps: []rollout.Step{{Weight: 500, Hold: time.Hour}}, Bake: time.Hour, AutoStart: true,
						AutoRollback: true, Interval: 10 * time.Millisecond, AbortOn: &analysis.AbortOn{ErrorRate: 50, MinRequests: 20, Window: 2 * time.Second},
						Sampled: analysis.SampledRules{Checks: []analysis.SampledCheck{limit("hangs"), limit("over")}, ConsecutiveFailureLimit: 3},
					},
				},
				Store: new(memory.Store), Apply: func(rollout.Routing) {}, Meters: func(b string) *metrics.Meter { return meters[b] },
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			var all sync.WaitGroup
			all.Go(func() { _ = c.Run(ctx) })
			defer all.Wait()
			defer cancel()
			defer start(New("shop", c, Settings{Checks: []Check{
				{Name: "hangs", Interval: 100 * time.Millisecond, Timeout: time.Hour, Source: hangs},
				{Name: "over", Interval: 100 * time.Millisecond, Timeout: time.Hour, Source: over},
			}}, nil))()
			<-asked
			testkit.Until(t, patience, "the end of the attempt while a source hangs", func() (bool, any) {
				if act != nil {
					act(c, meters["canary"])
				}
				s := c.Status()
				return s.Phase == rollout.Failed || s.Phase == rollout.Aborted, fmt.Sprintf("%+v", s)
			})
		})
	}
}
