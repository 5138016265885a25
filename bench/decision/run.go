package decision

import (
	"runtime"
	"sync"
	"time"
)

// Outcome is one run.
type Outcome struct {
	End      End
	Seconds  float64
	Requests int // that the canary answered
	Users    int // distinct ones that it answered, where users are known
	Failures int
	Excess   float64 // failures beyond what stable would have had
}

// End of a run.
type End uint8

// The ends.
const (
	Held End = iota
	Promoted
	RolledBack
)

// Play runs a policy through a scenario.
func Play(m *Maker, s *Scenario, seed uint64) Outcome {
	w, p := newWorld(s, seed), m.New(s)
	for now := -int64(historyTime / tick); now < 0; now++ {
		p.History(now, w.tick(0, 0))
	}
	var o Outcome
	users := map[uint64]bool{}
	step, end := 0, int64(s.Duration/tick)
	for now := range end {
		t := float64(now) * tick.Seconds()
		requests := w.tick(t, m.Steps[step])
		o.count(s, t, requests, users)
		o.Seconds = float64(now+1) * tick.Seconds()
		switch p.Observe(now, step, requests) {
		case Rollback:
			o.End = RolledBack
		case Advance:
			if !s.Pinned {
				step++
			}
			if step == len(m.Steps) {
				o.End = Promoted
			}
		}
		if o.End != Held {
			break
		}
	}
	o.Users = len(users)
	return o
}

func (o *Outcome) count(s *Scenario, t float64, requests []Request, users map[uint64]bool) {
	for i := range requests {
		q := &requests[i]
		if !q.Canary {
			continue
		}
		o.Requests++
		if q.User > 0 {
			users[q.User] = true
		}
		if q.Failed {
			o.Failures++
			o.Excess++
		}
		if s.Error != nil {
			o.Excess -= s.Error(false, t)
		} else {
			o.Excess -= s.StableRate
		}
	}
}

// Bench is what to run.
type Bench struct {
	Scenarios []Scenario
	Policies  []Maker
	Runs      int
	Seed      uint64
	// Progress is called after each cell; nil is nobody.
	Progress func(policy, scenario string, took time.Duration)
}

// Run plays each policy through each scenario. The same seeds are used for every policy, and the result is the same on every machine.
func Run(b *Bench) Report {
	r := Report{Runs: b.Runs, Seed: b.Seed}
	for i := range b.Policies {
		for j := range b.Scenarios {
			began := time.Now()
			m, s := &b.Policies[i], &b.Scenarios[j]
			r.Cells = append(r.Cells, summarize(m, s, outcomes(m, s, b.Runs, b.Seed)))
			if b.Progress != nil {
				b.Progress(m.Name, s.Name, time.Since(began))
			}
		}
	}
	for _, m := range b.Policies {
		r.Policies = append(r.Policies, PolicyNote{Name: m.Name, Deviations: m.Deviations})
	}
	return r
}

func outcomes(m *Maker, s *Scenario, runs int, seed uint64) []Outcome {
	out := make([]Outcome, runs)
	work := make(chan int)
	var done sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), runs) {
		done.Go(func() {
			for i := range work {
				out[i] = Play(m, s, seed+uint64(i))
			}
		})
	}
	for i := range runs {
		work <- i
	}
	close(work)
	done.Wait()
	return out
}
