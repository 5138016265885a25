package decision

import (
	"math"
	"slices"
	"time"
)

// kayentaPolicy compares minutes of the canary with minutes of stable by a Mann-Whitney test.
type kayentaPolicy struct {
	counts          windowed
	canary, stable  []float64
	interval, whole int64
}

func kayenta(name string, interval, whole time.Duration) Maker {
	return Maker{
		Name: name, Steps: []float64{0.05},
		Deviations: "error rate alone, at confidence 0.98, on points of one minute, against stable instead of a baseline of equal size; no outlier removal, no effect size",
		New: func(*Scenario) Policy {
			return &kayentaPolicy{interval: int64(interval / tick), whole: int64(whole / tick)}
		},
	}
}

func (p *kayentaPolicy) History(int64, []Request) {}

func (p *kayentaPolicy) Observe(now int64, _ int, requests []Request) Action {
	p.counts.add(now, requests)
	minute := int64(time.Minute / tick)
	if now == 0 || now%minute != 0 {
		return Hold
	}
	if c := p.counts.since(now-minute, now); c.n[1] > 0 && c.n[0] > 0 {
		p.canary = append(p.canary, rate(c.bad[1], c.n[1]))
		p.stable = append(p.stable, rate(c.bad[0], c.n[0]))
	}
	switch {
	case now%p.interval == 0 && mannWhitney(p.canary, p.stable) > 2.326: // two-sided 0.98
		return Rollback
	case now >= p.whole:
		return Advance
	}
	return Hold
}

// mannWhitney is the normal score of the first list being the greater, with ties.
func mannWhitney(a, b []float64) float64 {
	n, m := float64(len(a)), float64(len(b))
	if n == 0 || m == 0 {
		return 0
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	rank, ties := map[float64]float64{}, 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j] == all[i] {
			j++
		}
		rank[all[i]] = float64(i+j+1) / 2
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	sum := 0.0
	for _, v := range a {
		sum += rank[v]
	}
	variance := n * m / 12 * (n + m + 1 - ties/((n+m)*(n+m-1)))
	if variance <= 0 {
		return 0
	}
	return (sum - n*(n+1)/2 - n*m/2) / math.Sqrt(variance)
}

// peekingPolicy looks at a z-test every second.
type peekingPolicy struct {
	counts    windowed
	sum       pairCount
	step      int
	stepStart int64
}

func peeking() Maker {
	return Maker{
		Name: "z-test each second", Steps: plan, Deviations: "pooled two-sample z of all requests so far, one-sided at 0.01; 30 s a step",
		New: func(*Scenario) Policy { return &peekingPolicy{} },
	}
}

func (p *peekingPolicy) History(int64, []Request) {}

func (p *peekingPolicy) Observe(now int64, step int, requests []Request) Action {
	p.counts.add(now, requests)
	if step != p.step {
		p.step, p.stepStart = step, now-1 // the tick that advanced
	}
	if now == 0 || now%ticksSecond != 0 {
		return Hold
	}
	c := p.counts.since(now-ticksSecond, now)
	p.sum.join(&c)
	n := p.sum.n[0] + p.sum.n[1]
	q := rate(p.sum.bad[0]+p.sum.bad[1], n)
	if q > 0 && q < 1 && p.sum.n[0] > 0 && p.sum.n[1] > 0 {
		z := (rate(p.sum.bad[1], p.sum.n[1]) - rate(p.sum.bad[0], p.sum.n[0])) / math.Sqrt(q*(1-q)*(1/p.sum.n[0]+1/p.sum.n[1]))
		if z > 2.326 {
			return Rollback
		}
	}
	if now-p.stepStart >= 30*ticksSecond {
		return Advance
	}
	return Hold
}

// oraclePolicy is Wald's test between the two truths, at every request.
type oraclePolicy struct {
	bad, good float64 // what a canary failure and a success say
	llr       float64
}

func oracle() Maker {
	return Maker{
		Name: "oracle", Steps: plan, Deviations: "knows both error rates, and for a good canary the bound that it must stay under; blind to latency and users",
		New: func(s *Scenario) Policy {
			pb, pc := s.StableRate, s.CanaryRate
			if pc <= pb {
				pc = pb + 0.004
			}
			pc = min(pc, 1-1e-9)
			return &oraclePolicy{bad: math.Log(pc / pb), good: math.Log((1 - pc) / (1 - pb))}
		},
	}
}

func (p *oraclePolicy) History(int64, []Request) {}

func (p *oraclePolicy) Observe(_ int64, _ int, requests []Request) Action {
	for i := range requests {
		switch q := &requests[i]; {
		case !q.Canary:
		case q.Failed:
			p.llr += p.bad
		default:
			p.llr += p.good
		}
		switch {
		case p.llr >= math.Log(1000):
			return Rollback
		case p.llr <= -math.Log(20):
			p.llr = 0
			return Advance
		}
	}
	return Hold
}
