package decision

import "time"

// Action is what a policy wants next.
type Action uint8

// The actions.
const (
	Hold Action = iota
	Advance
	Rollback
)

// Policy decides on a canary. It is for one run.
type Policy interface {
	// History is stable's traffic of a tick before the start.
	History(tick int64, requests []Request)
	// Observe is what arrived in a tick, at a step of the plan that begins at 0.
	Observe(tick int64, step int, requests []Request) Action
}

// Maker makes a policy for a run of a scenario: only the oracle looks at it beyond its plan.
type Maker struct {
	Name string
	// Deviations from what it is named after.
	Deviations string
	// Steps are the canary's weights; after the last it is promoted.
	Steps []float64
	New   func(s *Scenario) Policy
}

// plan of the tools that advance by steps.
var plan = []float64{0.05, 0.25, 0.50}

// windowed sums outcomes by the tick in which requests end.
type windowed struct {
	ends map[int64]*pairCount
}

type pairCount struct{ n, bad [2]float64 } // stable, canary

func (w *windowed) add(now int64, requests []Request) {
	if w.ends == nil {
		w.ends = map[int64]*pairCount{}
	}
	for i := range requests {
		q := &requests[i]
		at := now + int64(q.Latency/tick)
		c := w.ends[at]
		if c == nil {
			c = &pairCount{}
			w.ends[at] = c
		}
		c.add(q)
	}
}

func (c *pairCount) add(q *Request) {
	side := 0
	if q.Canary {
		side = 1
	}
	c.n[side]++
	if q.Failed {
		c.bad[side]++
	}
}

func (c *pairCount) join(o *pairCount) {
	for side := range c.n {
		c.n[side] += o.n[side]
		c.bad[side] += o.bad[side]
	}
}

// since sums and forgets what ended up to now and after from.
func (w *windowed) since(from, now int64) (sum pairCount) {
	for at, c := range w.ends {
		if at > now {
			continue
		}
		if at > from {
			sum.join(c)
		}
		delete(w.ends, at)
	}
	return sum
}

func rate(bad, n float64) float64 {
	if n == 0 {
		return 0
	}
	return bad / n
}

// Makers is the whole list.
func Makers() []Maker {
	return []Maker{
		sluice(), flagger(), argo("Argo-like, example", 5*time.Minute, 0.95, 3, 10*time.Minute),
		argo("Argo-like, tuned", time.Minute, 0.99, 0, 2*time.Minute), kayenta("Kayenta-like, once", time.Hour, time.Hour),
		kayenta("Kayenta-like, each 10 min", 10*time.Minute, time.Hour), peeking(), msprt(), errorsOnly(), oracle(),
	}
}
