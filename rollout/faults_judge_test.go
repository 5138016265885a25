package rollout

import (
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"sluice/analysis"
	"sluice/metrics"
)

// judged makes the judge of a plan the one that ships, in two of three: a blast radius to keep to, margins beside stable, users, a latency.
func (f *faults) judged(r *Rollout) {
	r.Rules.Rules = slices.Clone(r.Rules.Rules)
	if f.random.IntN(3) == 0 {
		return
	}
	r.Rules.BlastRadius = []float64{0.01, 0.05, 0.2}[f.random.IntN(3)]
	r.Rules.Sticky = f.random.IntN(3) == 0
	r.Rules.Rules[0].MaxIncrease = float64(f.random.IntN(3))
	if f.random.IntN(3) == 0 {
		check := analysis.Check{Name: "latency-p95", Metric: analysis.Latency, Quantile: 0.95, QuantileName: "p95", Max: 500, HasMax: true}
		r.Rules.Rules = append(r.Rules.Rules, analysis.Rule{Check: check, MaxRatio: []float64{0, 1.5}[f.random.IntN(2)]})
	}
}

// serve counts requests as the data plane does, by user too where the route is sticky and an attempt has traffic.
func (f *faults) serve(backend string, n, errors int) {
	keys, side, meter := f.keys.Load(), metrics.StableSide, f.meters[backend]
	if backend == f.control.Routing().Canary {
		side = metrics.CanarySide
	}
	for i := range n {
		at := metrics.Now()
		outcome := metrics.Outcome{At: at, Failed: i < errors}
		if keys != nil {
			keys.End(keys.Begin(f.random.Uint64(), side, at), outcome)
		}
		meter.End(meter.Begin(at, metrics.Drawn, 0), outcome)
	}
}

// flow is steady traffic for a while, divided as the weights are: what a judge with a blast radius needs. One in four times the canary fails
// up to its limit now and then.
func (f *faults) flow() {
	bad := f.random.IntN(4) == 0
	perSecond := 100 + f.random.IntN(300)
	for range 10 + f.random.IntN(60) {
		share := 0
		if r := f.control.Routing(); r.Trial {
			share = perSecond * int(r.CanaryWeight) / int(Full)
		}
		errors := 0
		if bad && share > 0 {
			errors = f.random.IntN(1 + share/20)
		}
		f.count("canary", share, errors)
		f.count("stable", perSecond-share, 0)
		f.pass(time.Second)
	}
}

// several commands come at once, from people who know nothing of each other.
func (f *faults) several() {
	verbs := []string{"start", "pause", "resume", "promote", "abort", "retry", "undo", "set-weight"}
	f.approve()
	var all sync.WaitGroup
	for range 2 + f.random.IntN(3) {
		c := f.made(verbs[f.random.IntN(len(verbs))])
		all.Go(func() { _, _ = f.tell(c) })
	}
	synctest.Wait()
	if f.random.IntN(2) == 0 { // or what comes next comes while they wait
		all.Wait()
	}
}

// enough is an oracle of its own, far below what any proof takes: to know that at most a share h of a canary's requests fails beyond what
// it may, some 3/h of them have to be seen. What is seen before a crash counts here, and perhaps not there.
func (f *faults) enough(s *State, d *Decision) {
	r := f.plan.Rollout
	if r.Rules.BlastRadius == 0 || d.WeightTo <= d.WeightFrom || r.Decision == Manual {
		return
	}
	harm := r.Rules.BlastRadius * float64(Full) / float64(d.WeightTo)
	if least := 2 / harm; harm < 1 && float64(f.seen) < least {
		f.t.Errorf("%s went to %s after %d canary requests, where a blast radius of %g takes %.0f at least: %s",
			s.Attempt, d.WeightTo, f.seen, r.Rules.BlastRadius, least, d.Sentence)
	}
	f.proofs++
}

// waived finds the person who waived each check that is shown as such.
func (f *faults) waived(d *Decision) {
	for _, v := range d.Checks {
		if v.Verdict == Waived && !slices.ContainsFunc(f.approvals, func(a *asked) bool {
			return !a.refused && a.command.Attempt == d.Attempt && a.command.Gate == v.Name
		}) {
			f.t.Errorf("%s was waived by nobody: %s", v.Name, d.Sentence)
		}
	}
}
