package decision

import "time"

// threshold is a policy of interval checks against an absolute success rate.
type threshold struct {
	counts   windowed
	interval int64
	success  float64
	// a check is bad above so many failed ones, counted over the whole run
	allowed int
	failed  int
	// noData is a failed check
	noData bool
	// hold is how long a step takes at least
	hold      int64
	step      int
	stepStart int64
	doomed    bool
	// late says that the rollback comes one interval after the last failed check
	late bool
}

func (p *threshold) History(int64, []Request) {}

func (p *threshold) Observe(now int64, step int, requests []Request) Action {
	p.counts.add(now, requests)
	if step != p.step {
		p.step, p.stepStart = step, now-1 // the tick that advanced
	}
	if now == 0 || now%p.interval != 0 {
		return Hold
	}
	if p.doomed {
		return Rollback
	}
	c := p.counts.since(now-p.interval, now)
	bad := c.n[1] > 0 && 1-rate(c.bad[1], c.n[1]) < p.success
	if bad || c.n[1] == 0 && p.noData {
		p.failed++
		if p.failed > p.allowed {
			p.doomed = true
			if !p.late {
				return Rollback
			}
		}
		return Hold
	}
	if now-p.stepStart >= p.hold {
		return Advance
	}
	return Hold
}

func flagger() Maker {
	return Maker{
		Name: "Flagger-like", Steps: plan,
		Deviations: "interval and window 1 min, success rate 99 %, threshold 5, as in its examples; the latency check is left out; scraping is ideal",
		New: func(*Scenario) Policy {
			return &threshold{interval: int64(time.Minute / tick), success: 0.99, allowed: 4, noData: true, hold: int64(time.Minute / tick), late: true}
		},
	}
}

func argo(name string, interval time.Duration, success float64, limit int, hold time.Duration) Maker {
	return Maker{
		Name: name, Steps: plan, Deviations: "background analysis with a success rate alone; an empty result passes; scraping is ideal",
		New: func(*Scenario) Policy {
			return &threshold{interval: int64(interval / tick), success: success, allowed: limit, hold: int64(hold / tick)}
		},
	}
}
