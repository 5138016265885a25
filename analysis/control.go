package analysis

import "math"

// Control runs the rules on stable's own traffic, of which a part plays the canary, for as long as the process lives: the two are the same
// version, so evidence here says that the assumptions do not hold for this traffic (users behind one key, failures in bursts). Its largest
// evidence of the last day is published; over 20 it is worth a look, over the rollback threshold it would have been a false rollback.
//
// It is for one goroutine. The parts must be drawn as the canary is: by user on sticky routes, by request elsewhere.
type Control struct {
	a     *Assessor
	s     State
	began int64
	hours [24]float64
	hour  int64
}

// notBegun is before all ticks, which may be negative.
const notBegun = noTick

const ticksAnHour = 3600 * ticksASecond

// NewControl makes a control with an attempt's rules.
func NewControl(r Rules) *Control {
	a := New(r)
	a.Restart(math.MaxInt64) // nothing of it is shown but the evidence
	return &Control{a: a, began: notBegun}
}

// Anew begins another attempt with the next block.
func (c *Control) Anew() { c.began = notBegun }

// Add takes in blocks whose canary is the part that plays it. Each day is an attempt of its own, and each that is rolled back.
func (c *Control) Add(blocks []Block) {
	for i := range blocks {
		b := &blocks[i]
		if c.began == notBegun || b.Tick-c.began >= int64(len(c.hours))*ticksAnHour {
			c.began, c.s = b.Tick, State{}
		}
		evidence, crossed := c.a.evidence(&c.s, b)
		for hour := max(0, b.Tick/ticksAnHour); c.hour < hour; {
			c.hour = max(c.hour+1, hour-int64(len(c.hours)))
			c.hours[c.hour%int64(len(c.hours))] = 0
		}
		most := &c.hours[c.hour%int64(len(c.hours))]
		*most = max(*most, evidence)
		if crossed {
			c.began, c.s = b.Tick, State{}
		}
	}
}

// Max is the largest evidence of the last 24 hours, 0 before there is any.
func (c *Control) Max() float64 {
	most := 0.0
	for _, e := range c.hours {
		most = max(most, e)
	}
	return most
}

// evidence is Assess of one block for someone who wants no findings: the largest evidence of a rule, and whether one rolls back.
func (a *Assessor) evidence(s *State, b *Block) (most float64, crossed bool) {
	a.fit(s)
	a.fresh = false
	if b.fault(s) == "" {
		a.take(s, b)
	}
	for i := range s.Tests {
		t := &s.Tests[i]
		e := a.weigh(t, i)
		most = max(most, math.Exp(min(e.show, 700)))
		crossed = crossed || t.Crossed != "" && !a.rules.Rules[i].DryRun
	}
	return most, crossed
}
