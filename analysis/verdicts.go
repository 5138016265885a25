package analysis

import (
	"cmp"
	"math"
	"time"

	"sluice/metrics"
)

// judge fills the report from the evidence and the windows.
func (a *Assessor) judge(s *State, now Now) {
	r := &a.report
	r.Requests = a.requests
	r.Failed, r.Pass, r.StableUnhealthy, r.RequestsNeeded, r.TimeNeeded = -1, true, false, 0, 0
	for i := range s.Tests {
		t, f := &s.Tests[i], &r.Findings[i]
		e := a.weigh(t, i)
		a.find(f, s, i, now, &e)
		if f.DryRun {
			continue
		}
		r.Pass = r.Pass && (f.Verdict == Pass || f.Optional)
		if f.Verdict == Fail && r.Failed < 0 {
			r.Failed = i
		}
		r.StableUnhealthy = r.StableUnhealthy || e.shared
		need := a.neededBy(t, i, now)
		r.RequestsNeeded = max(r.RequestsNeeded, need)
		r.TimeNeeded = max(r.TimeNeeded, a.timeFor(need, i, s))
	}
}

// timeFor is how long so many more of rule i's canary trials take: on a sticky route these are users, who come more seldom than requests.
func (a *Assessor) timeFor(trials uint64, i int, s *State) time.Duration {
	seen, ticks := a.shown[i].judged.N, s.Last-a.stepBegan+1
	switch {
	case a.how[i].sticky:
		seen = a.shown[i].firsts
	case a.how[i].business:
		seen = a.shown[i].users
	}
	if trials == 0 || seen == 0 || ticks <= 0 {
		return 0
	}
	return time.Duration(min(float64(trials)/float64(seen)*float64(ticks)*1e9/ticksASecond, 1e18))
}

// neededBy is how many more canary requests rule i needs at the present share; of conversions it is users.
func (a *Assessor) neededBy(t *Test, i int, now Now) uint64 {
	w := &a.shown[i]
	need := uint64(0)
	if least := max(now.MinRequests, 1); a.requests < least {
		need = least - a.requests
	}
	if least := max(now.MinRequests, 1); a.how[i].business && !a.how[i].optional && w.users < least {
		need = max(need, least-w.users)
	}
	if t.Trials != nil && w.pair.Canary.N+w.pair.Stable.N > 0 {
		need = max(need, t.Trials.needed(w.pair.share()))
	}
	return need
}

// find is the finding of one rule.
func (a *Assessor) find(f *Verdict, s *State, i int, now Now, e *weights) {
	t, c, h, w := &s.Tests[i], &a.rules.Rules[i], &a.how[i], &a.shown[i]
	*f = Verdict{
		Name: c.Name, Metric: c.Metric, Unit: "percent", DryRun: c.DryRun, Limit: c.Max, Quantile: c.QuantileName, Fault: cmp.Or(a.fault, s.Folded),
		Samples: w.judged.N, StableSamples: w.pair.Stable.N, Bad: w.judged.Bad, StableBad: w.pair.Stable.Bad,
		Late: w.late.Canary, StableLate: w.late.Stable,
	}
	if f.Late+f.StableLate > 0 {
		f.LateAfter = Age(a.age)
	}
	a.values(f, c, w)
	f.Evidence, f.EvidenceLimit = math.Exp(min(e.show, 700)), math.Exp(e.need)
	if h.compare || t.Rank != nil {
		if t.Trials.Frozen {
			f.Line = 100 * t.Trials.Margin.at(w.pair.Stable.rate())
			if h.business {
				f.Line = max(0, 100-f.Line)
			}
		}
	}
	proven := a.proof(f, t, w, now)
	over := c.HasMax && (f.Value > c.Max || f.ValueAbove && f.Value >= c.Max) || c.HasMin && f.Value < c.Min
	switch {
	case t.Crossed != "":
		f.Verdict, f.Standing, f.OverLimit = Fail, ProvenWorse, t.Crossed == crossedLimit
	case a.report.Faults > 0:
		f.Verdict, f.Reason = Insufficient, ReasonFault
	case a.few(i, now):
		f.Verdict, f.Reason, f.Optional = Insufficient, ReasonRequests, h.optional
	case e.shared:
		f.Verdict, f.Reason = Insufficient, ReasonUnhealthy
	case over:
		f.Verdict, f.Reason = Insufficient, ReasonLimit
	case !c.Alone && w.pair.Stable.N == 0 && !a.clock.alone:
		f.Verdict, f.Reason = Insufficient, ReasonNoStable
	case max(e.margin, e.limit) >= logAcceptance:
		f.Verdict, f.Reason = Insufficient, ReasonDoubt
	case !proven:
		f.Verdict, f.Reason = Insufficient, ReasonEvidence
	default:
		f.Verdict, f.Standing = Pass, ProvenWithin
	}
	if f.Standing == "" || f.Standing == ProvenWithin && f.HarmLimit == 0 {
		f.Standing = NotDecided
	}
}

// few says that rule i has too few trials to be judged. Of users a step needs its own only where nothing else judges it.
func (a *Assessor) few(i int, now Now) bool {
	w, h := &a.shown[i], &a.how[i]
	switch {
	case !h.business:
		return a.requests < now.MinRequests || w.judged.N == 0
	case h.optional:
		return w.judged.N < max(now.MinRequests, 1)
	default:
		return w.users < max(now.MinRequests, 1)
	}
}

// weights are the logarithms of a rule's evidence.
type weights struct {
	margin, limit float64
	show, need    float64 // of the two, the one that is nearer to its threshold, or that crossed it
	shared        bool    // the limit is broken beyond doubt, and by stable too: nobody may blame the canary
}

func (a *Assessor) weigh(t *Test, i int) (e weights) {
	h, need := &a.how[i], &a.needs[i]
	if !a.fresh {
		a.strengths[i] = t.strength(h, a.clock.limit)
	}
	now := &a.strengths[i]
	e = weights{margin: now.margin, limit: now.limit, show: now.margin, need: need.compare}
	if now.limited && (!now.compared || now.limit-need.limit > now.margin-need.compare) {
		e.show, e.need = now.limit, need.limit
	}
	if t.Crossed != "" {
		e.show, e.need = t.At, t.AtLimit
	}
	e.shared = now.limited && t.Trials != nil && now.over >= need.limit && now.limit < need.limit && t.Trials.Lately.present() > h.limit
	return e
}

// proof says whether the next step's harm is bounded, and by how much.
func (a *Assessor) proof(f *Verdict, t *Test, w *shown, now Now) bool {
	tr := t.Trials
	if tr == nil || now.Next == 0 || a.rules.BlastRadius <= 0 || f.Metric != ErrorRate {
		return true
	}
	if !tr.HasHarm || tr.HarmStep != now.Step {
		return false
	}
	proven := tr.harmless()
	f.HarmLimit, f.HarmRatio = 100*tr.HarmLine.D, tr.HarmLine.R
	f.HarmUpper = 100 * w.cached.harm
	if proven {
		f.HarmUpper = min(f.HarmUpper, f.HarmLimit)
	}
	return proven
}

// cached are figures for people, made once a second: they take longer than the judging.
type cached struct {
	n              uint64
	second         int64
	canary, stable figures
	harm           float64
}

// figures are a side's value with where it may be; of rates, the shares of bad ones.
type figures struct {
	value, low, high float64
	above            bool
}

// values fills in what is shown of the step so far.
func (a *Assessor) values(f *Verdict, c *Rule, w *shown) {
	if w.cached.n != w.judged.N && (w.cached.second != a.clock.second || w.cached.n == 0) {
		w.cached = a.figures(c, w)
	}
	canary, stable := w.cached.canary, w.cached.stable
	switch c.Metric {
	case Latency:
		f.Unit, f.Value, f.StableValue = "ms", canary.value, stable.value
		f.ValueAbove, f.StableAbove = canary.above, stable.above
		f.Low, f.High, f.StableLow, f.StableHigh = canary.low, canary.high, stable.low, stable.high
		return
	case Conversions:
		f.Value, f.StableValue = w.judged.goodRate(), w.pair.Stable.goodRate()
		f.Limit = c.Min
		f.Low, f.High, f.StableLow, f.StableHigh = 100*(1-canary.high), 100*(1-canary.low), 100*(1-stable.high), 100*(1-stable.low)
	default:
		f.Value, f.StableValue = 100*w.judged.rate(), 100*w.pair.Stable.rate()
		f.Low, f.High, f.StableLow, f.StableHigh = 100*canary.low, 100*canary.high, 100*stable.low, 100*stable.high
	}
}

func (a *Assessor) figures(c *Rule, w *shown) cached {
	out := cached{n: w.judged.N, second: a.clock.second}
	if c.Metric == Latency {
		out.canary, out.stable = c.read(&w.canary, w.late.Canary, a.age), c.read(&w.stable, w.late.Stable, a.age)
		return out
	}
	out.canary.low, out.canary.high = interval(w.judged, shownAlpha)
	out.stable.low, out.stable.high = interval(w.pair.Stable, shownAlpha)
	out.harm = harmUpper(w.pair, ratioOf(c))
	return out
}

func ratioOf(c *Rule) float64 {
	m, _ := c.margin()
	return m.R
}

// read is the quantile or the mean of one side in milliseconds, of what ended well and of what has not ended, which has taken the age at least.
// What failed has no latency.
func (r *Rule) read(good *metrics.Histogram, late uint64, age time.Duration) (f figures) {
	if r.Quantile == 0 {
		n := float64(good.Count() + late)
		return figures{value: 1000 * (good.Sum() + float64(late)*age.Seconds()) / max(n, 1), above: late > 0}
	}
	all := *good
	all.Record(age, late)
	low, high := quantiles(good, late, age, r.Quantile)
	f.low, f.high = milliseconds(low), milliseconds(high)
	v := all.Quantile(r.Quantile)
	f.value, f.above = milliseconds(v), late > 0 && bucketOf(v) >= bucketOf(age)
	switch limit := time.Duration(r.Max * float64(time.Millisecond)); {
	case f.above && bucketOf(v) == bucketOf(age):
		f.value = milliseconds(age) // what is known
	case r.HasMax && f.value > r.Max && bucketOf(v) == bucketOf(limit):
		f.value = r.Max // in the limit's own bucket: not known to be above
	}
	return f
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
