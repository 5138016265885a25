package decision

import "math"

// What other sequential tests would do in this place, at the same alpha. Both look as often as they like, as Sluice's does.

const sequentialAlpha = 0.001

// msprtPolicy is the mixture sequential probability ratio test of Johari, Koomen, Pekelis and Walsh ("Always valid inference", 2022), for a
// difference of two rates and a normal mixture.
type msprtPolicy struct {
	counts windowed
	sum    pairCount
	stage  stage
}

// stage knows since when a policy is at its step.
type stage struct {
	step  int
	start int64
}

// over says whether the step has lasted 30 s.
func (s *stage) over(now int64, step int) bool {
	if step != s.step {
		s.step, s.start = step, now-1 // the tick that advanced
	}
	return now-s.start >= 30*ticksSecond
}

func msprt() Maker {
	return Maker{
		Name: "mSPRT-like, normal", Steps: plan,
		Deviations: "difference of two rates of all requests so far, variance of the pooled rate plugged in, mixture N(0, 0.01²), two-sided at 0.001, " +
			"rolls back when the canary is the worse; a look each second from 5 failures on; 30 s a step; blind to latency and users",
		New: func(*Scenario) Policy { return &msprtPolicy{} },
	}
}

func (p *msprtPolicy) History(int64, []Request) {}

func (p *msprtPolicy) Observe(now int64, step int, requests []Request) Action {
	p.counts.add(now, requests)
	over := p.stage.over(now, step)
	if now == 0 || now%ticksSecond != 0 {
		return Hold
	}
	c := p.counts.since(now-ticksSecond, now)
	p.sum.join(&c)
	switch {
	case normalMixture(&p.sum) >= -math.Log(sequentialAlpha):
		return Rollback
	case over:
		return Advance
	}
	return Hold
}

// normalMixture is the logarithm of the mixture likelihood ratio, 0 where the canary is not the worse or hardly anything has failed.
func normalMixture(c *pairCount) float64 {
	const tau2, fewest = 0.01 * 0.01, 5
	bad := c.bad[0] + c.bad[1]
	q := rate(bad, c.n[0]+c.n[1])
	delta := rate(c.bad[1], c.n[1]) - rate(c.bad[0], c.n[0])
	if bad < fewest || q >= 1 || c.n[0] == 0 || c.n[1] == 0 || delta <= 0 {
		return 0
	}
	v := q * (1 - q) * (1/c.n[0] + 1/c.n[1])
	return 0.5*math.Log(v/(v+tau2)) + tau2*delta*delta/(2*v*(v+tau2))
}

// errorsOnlyPolicy is Lindon and Malek's sequential test of counts ("Anytime-valid inference for multinomial count data", NeurIPS 2022):
// under the null each failure is the canary's with the probability that a request is.
type errorsOnlyPolicy struct {
	counts    windowed
	bad       [2]float64 // of this step: stable, canary
	surplus   float64    // the canary's failures beyond its share, over all steps
	settled   float64    // the logarithm of what earlier steps have shown
	stage     stage
	evaluated int // the step that bad is of
}

func errorsOnly() Maker {
	return Maker{
		Name: "Lindon-Malek-like, errors only", Steps: plan,
		Deviations: "shares of failures alone, against the configured weight, mixture Beta(10 w, 10 (1 - w)) anew for each weight, two-sided at 0.001, " +
			"rolls back when the canary has the more; no margin; a look every 100 ms; 30 s a step; blind to latency and users",
		New: func(*Scenario) Policy { return &errorsOnlyPolicy{} },
	}
}

func (p *errorsOnlyPolicy) History(int64, []Request) {}

func (p *errorsOnlyPolicy) Observe(now int64, step int, requests []Request) Action {
	p.counts.add(now, requests)
	over := p.stage.over(now, step)
	if step != p.evaluated {
		p.settled += countMixture(p.bad, plan[p.evaluated])
		p.bad, p.evaluated = [2]float64{}, step
	}
	c := p.counts.since(now-1, now)
	w := plan[step]
	for side := range c.bad {
		p.bad[side] += c.bad[side]
	}
	p.surplus += c.bad[1]*(1-w) - c.bad[0]*w
	switch {
	case p.surplus > 0 && p.settled+countMixture(p.bad, w) >= -math.Log(sequentialAlpha):
		return Rollback
	case over:
		return Advance
	}
	return Hold
}

// countMixture is the logarithm of the Bayes factor that failures are shared otherwise than 1-w to w.
func countMixture(bad [2]float64, w float64) float64 {
	const weight = 10
	a, b := weight*w, weight*(1-w)
	return logBeta(a+bad[1], b+bad[0]) - logBeta(a, b) - bad[1]*math.Log(w) - bad[0]*math.Log1p(-w)
}

func logBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}
