package decision

import (
	"time"

	"sluice/analysis"
	"sluice/metrics"
)

// sluicePolicy is analysis.Assess as the controller uses it: blocks of arrivals, each judged once at a fixed age.
type sluicePolicy struct {
	a      *analysis.Assessor
	s      analysis.State
	age    int64 // in ticks
	ring   [ringSize]cohort
	blocks [1]analysis.Block
	users  metrics.Users
	keys   *metrics.Keys
	reader metrics.UsersReader
	step   int
	report *analysis.Report
	visits *[visitTicks]analysis.Pair // by arrival, until they are old enough; nil where nobody is asked
}

// visitTicks is the age at which a visit has converted or not: a minute.
const visitTicks = 600

// cohort is what arrived in a tick, as it will be when it has its age.
type cohort struct {
	block   analysis.Block
	latency *analysis.Latencies // of the tick's second so far; at a second's last tick it is judged
}

const ringSize = 256 // 25.6 s: more than the greatest age

func sluice() Maker {
	return Maker{
		Name: "Sluice", Steps: plan, Deviations: "as shipped: alpha 0.001, default margins, blastRadius 0.1 %; no hold, no abortOn",
		New: func(s *Scenario) Policy { return newSluice(s, analysisRules(s)) },
	}
}

// analysisRules are the default checks of a preset: errors, and latency and conversions where the scenario has any.
func analysisRules(s *Scenario) analysis.Rules {
	r := analysis.Rules{
		Rules:      []analysis.Rule{{Check: analysis.Check{Name: "error-rate", Metric: analysis.ErrorRate}}},
		Confidence: 0.999, BlastRadius: 0.001, Sticky: s.Users > 0, Steps: 4, Duration: 40 * time.Minute,
	}
	if s.Convert != nil {
		r.Rules = append(r.Rules, analysis.Rule{Check: analysis.Check{Name: "conversion-rate", Metric: analysis.Conversions}})
	}
	if s.Latency != nil {
		r.Rules = append(r.Rules, analysis.Rule{Check: analysis.Check{Name: "latency", Metric: analysis.Latency}})
	}
	return r
}

func newSluice(s *Scenario, rules analysis.Rules) *sluicePolicy {
	p := &sluicePolicy{a: analysis.New(rules), age: 1}
	if s.Latency != nil { // twice stable's p99
		d := 2 * s.Latency(false, 0, 2.326, 0.5)
		p.age = int64((min(d, metrics.MaxAge) + tick - 1) / tick)
	}
	if rules.Sticky {
		p.keys = metrics.NewKeys(s.Users)
	}
	if s.Convert != nil {
		p.visits = new([visitTicks]analysis.Pair)
	}
	return p
}

func (p *sluicePolicy) History(now int64, requests []Request) {
	c := p.collect(now, 0, requests)
	p.a.Learn(&p.s, c.block.Drawn.Stable, c.judged(), now)
}

// judged are the latencies of a whole second at its end, or of its halves where they are enough.
func (c *cohort) judged() *analysis.Latencies {
	switch end := c.block.Tick + 1; {
	case c.latency == nil:
		return nil
	case end%ticksSecond == 0:
		return c.latency
	case end%(ticksSecond/2) == 0 && c.latency.Enough():
		c.latency.Half = true
		return c.latency
	}
	return nil
}

func (p *sluicePolicy) Observe(now int64, step int, requests []Request) Action {
	c := p.collect(now, step, requests)
	if p.keys != nil {
		p.byUser(now, step, c, requests)
	}
	c.block.Latency = c.judged()
	if p.visits != nil {
		p.convert(now, c, requests)
	}
	due := now - p.age + 1
	if due < 0 {
		return Hold
	}
	p.blocks[0] = p.ring[due%ringSize].block
	if p.keys != nil {
		p.blocks[0].Users = &p.users
	}
	p.report = p.a.Assess(&p.s, p.blocks[:], analysis.Now{
		Step: step + 1, Next: next(step), MinRequests: 100, Age: time.Duration(p.age) * tick,
	})
	switch {
	case p.report.Failed >= 0:
		return Rollback
	case p.report.Pass:
		return Advance
	}
	return Hold
}

// collect puts a tick's requests into the ring.
func (p *sluicePolicy) collect(now int64, step int, requests []Request) *cohort {
	c := &p.ring[((now%ringSize)+ringSize)%ringSize]
	*c = cohort{block: analysis.Block{Tick: now, Weight: uint16(10000*plan[step] + 0.5), Step: step + 1, Next: next(step)}}
	for i := range requests {
		q := &requests[i]
		t := analysis.Tally{N: 1}
		if q.Failed || q.Latency > time.Duration(p.age)*tick {
			t.Bad = 1
		}
		side := &c.block.Drawn.Stable
		if q.Canary {
			side = &c.block.Drawn.Canary
		}
		side.N += t.N
		side.Bad += t.Bad
	}
	c.block.Judged = c.block.Drawn.Canary
	if p.age > 1 {
		p.latencies(now, c, requests)
	}
	return c
}

// convert puts the tick's visits aside, and those that are old enough now into its block.
func (p *sluicePolicy) convert(now int64, c *cohort, requests []Request) {
	slot := &p.visits[now%visitTicks]
	c.block.Visits, *slot = *slot, analysis.Pair{}
	for i := range requests {
		q := &requests[i]
		side := &slot.Stable
		if q.Canary {
			side = &slot.Canary
		}
		if side.N++; !q.Converts {
			side.Bad++
		}
	}
}

// latencies adds the tick to its second, or to the half of it that nobody has taken.
func (p *sluicePolicy) latencies(now int64, c *cohort, requests []Request) {
	last := &p.ring[((now-1)%ringSize+ringSize)%ringSize]
	c.latency = last.latency
	if taken := last.block.Latency != nil; now%ticksSecond == 0 || c.latency == nil || taken {
		c.latency = &analysis.Latencies{Half: taken && now%ticksSecond != 0}
	}
	for i := range requests {
		q := &requests[i]
		side := &c.latency.Stable
		if q.Canary {
			side = &c.latency.Canary
		}
		if q.Failed || q.Latency > time.Duration(p.age)*tick {
			side.Bad++
		} else {
			side.Good.Record(q.Latency, 1)
		}
	}
	c.latency.Judged = c.latency.Canary
}

// byUser counts users as the proxy does.
func (p *sluicePolicy) byUser(now int64, step int, c *cohort, requests []Request) {
	if now > 0 && now%600 == 0 || step != p.step {
		p.keys.Epoch(step != p.step)
	}
	p.step = step
	p.keys.Open(1 + step + int(now/6000))
	at := metrics.Instant(now) * metrics.Instant(tick)
	for i := range requests {
		q := &requests[i]
		s := metrics.StableSide
		if q.Canary {
			s = metrics.CanarySide
		}
		t := p.keys.Begin(hash(q.User), s, at)
		p.keys.End(t, metrics.Outcome{At: at, Failed: q.Failed})
	}
	p.reader.Read(p.keys, &p.users)
	canary, stable := p.keys.Firsts(metrics.CanarySide).Block(now), p.keys.Firsts(metrics.StableSide).Block(now)
	c.block.Firsts = analysis.Pair{Canary: analysis.TallyOf(canary[metrics.Drawn]), Stable: analysis.TallyOf(stable[metrics.Drawn])}
}

// hash spreads users over the table.
func hash(user uint64) uint64 {
	user *= 0x9E3779B97F4A7C15
	user ^= user >> 29
	user *= 0xBF58476D1CE4E5B9
	return user ^ user>>32
}

// next is the weight after a step, in hundredths of a percent.
func next(step int) uint16 {
	if step+1 < len(plan) {
		return uint16(10000*plan[step+1] + 0.5)
	}
	return 10000
}
