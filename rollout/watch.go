package rollout

import (
	"math"
	"time"

	"sluice/analysis"
	"sluice/metrics"
)

// watch reads the meters of the two roles and asks the judge. It belongs to the loop; all it knows can be made again, except for what is in
// the State.
type watch struct {
	canary, stable *metrics.Meter
	// roles are those of the backends in the two roles: the same, but at a step that is judged on copies.
	roles [2]*metrics.Meter
	// copies are the meters of copies and of what they are copies of; it may be nil.
	copies func() (copies, originals *metrics.Meter)
	// users is told where a sticky route's requests are counted by user; nil is nobody.
	users func(*metrics.Keys)

	rules   analysis.Rules
	judge   *analysis.Assessor
	attempt string // whose numbers are read; "" is none: then stable is learned
	reader  metrics.Reader
	lost    int64
	offset  int64 // from the meters' blocks to the evidence's ticks
	turns   []turn
	prior   analysis.State // what was learned of stable before the attempt
	crowd   crowd
	visits  visitors
	control control
	trace   blockTrace
	quiet   time.Duration // the age at which stable is learned, as it was at quietAt; 0 is not known yet
	quietAt metrics.Instant

	from   metrics.Instant // when the fast lane's windows began
	failed [2]uint64       // the failures of both sides by then
	fast   analysis.Evidence
	// sampled is since when the newest value of each sampled check is.
	sampled map[string]metrics.Instant

	duel  *analysis.Duel // of an A/B test
	stand analysis.DuelReport

	blocks    []analysis.Block
	latencies []*analysis.Latencies
	counted   []*metrics.Users
	seconds   [3]metrics.Window
	half      int64 // the block with which a first half of a second ended that was judged by itself
}

// turn is what was in force from a block on. Those between void and from saw both it and what was in force before.
type turn struct {
	void, from int64
	weight     uint16
	step       int
	next       uint16
}

// watches says whether the meters are those of the roles.
func (w *watch) watches(canary, stable *metrics.Meter) bool {
	return w.roles == [2]*metrics.Meter{canary, stable}
}

// follow reads the meters that the state is judged by, from at on.
func (w *watch) follow(p *Plan, s *State, canary, stable *metrics.Meter, at metrics.Instant) {
	same := w.watches(canary, stable)
	w.roles = [2]*metrics.Meter{canary, stable}
	if w.copies != nil && p.Rollout.onCopies(s) {
		canary, stable = w.copies()
	}
	if same && w.canary == canary && w.stable == stable && w.judge != nil {
		return
	}
	w.canary, w.stable = canary, stable
	w.attempt, w.quiet = "", 0
	if !same {
		w.prior = analysis.State{}
	}
	w.reader.Restart(at)
}

// restart begins the windows anew, with what is in force now; since is when it was being put in force. The evidence goes on.
func (w *watch) restart(p *Plan, s *State, canary, stable *metrics.Meter, since, at metrics.Instant) {
	w.visits.plan(p.Conversion, at)
	if p.Rollout == nil {
		w.end(at)
		return
	}
	w.follow(p, s, canary, stable, at)
	canary, stable = w.canary, w.stable
	if w.judge == nil || digest(w.rules) != digest(p.Rollout.Rules) {
		w.rules = p.Rollout.Rules
		w.judge = analysis.New(w.rules)
		w.control.begin(w.rules)
		w.duel = nil
	}
	if ab := p.Rollout.AB; ab != nil && w.duel == nil {
		w.duel = analysis.NewDuel(ab.Metric, w.rules.Confidence, w.rules.Sticky, ab.MaxDuration)
	}
	w.control.move(RoutingOf(p, s).CanaryWeight, at)
	w.from, w.failed = at, [2]uint64{failures(canary), failures(stable)}
	switch {
	case !s.active() || s.unbegun():
		w.end(at)
	case w.attempt != s.Attempt:
		w.begin(s, at)
		fallthrough
	default:
		w.move(p.Rollout, s, since, at)
		w.judge.Restart(at.NextBlock() + w.offset)
		if w.duel != nil {
			w.duel.Restart(at.NextBlock() + w.offset)
		}
	}
}

func failures(m *metrics.Meter) uint64 {
	if m == nil {
		return 0
	}
	return m.Failed()
}

// begin takes up an attempt: a new one, or one that a process before this one has begun.
func (w *watch) begin(s *State, at metrics.Instant) {
	w.attempt, w.turns, w.offset, w.half = s.Attempt, nil, 0, math.MinInt64
	w.reader.Restart(at)
	if e := s.Evidence; e != nil && e.State.Begun && at.Block() <= e.State.Last {
		const second = int64(time.Second / (100 * time.Millisecond))
		w.offset = (e.State.Last - at.Block() + second) / second * second // a multiple: seconds stay seconds
	}
	w.visits.begin(at)
	w.crowd.end(w.users)
	if w.rules.Sticky {
		w.crowd.begin(w.users, at)
		w.control.run.Anew() // in a new table nobody has failed yet
		if e := s.Evidence; e != nil {
			w.crowd.known = e.Ratio != nil
			w.crowd.patience(time.Duration(e.Ripe))
		}
	}
}

// end stops reading for an attempt; what comes is learned.
func (w *watch) end(at metrics.Instant) {
	w.attempt, w.turns = "", nil
	w.crowd.end(w.users)
	w.visits.end(at)
}

// move notes what is in force from now on.
func (w *watch) move(r *Rollout, s *State, since, at metrics.Instant) {
	t := turn{void: min(since, at).Block(), from: at.NextBlock(), weight: uint16(s.share()), step: s.Step, next: r.next(s)}
	w.visits.move(t.weight, since, at)
	if len(w.turns) > 0 {
		last := &w.turns[len(w.turns)-1]
		if last.weight == t.weight && last.step == t.step && last.next == t.next {
			return
		}
		if last.weight != t.weight {
			w.crowd.moved(at)
		}
	}
	w.turns = append(w.turns, t)
}

// look gives what the judge makes of all that has come of age. It is overwritten by the next.
func (w *watch) look(p *Plan, s *State, at metrics.Instant) *analysis.Report {
	if s.Evidence == nil {
		s.Evidence = &Evidence{}
	}
	e := s.Evidence
	if len(e.State.Tests) == 0 {
		e.State = e.State.After(&w.prior, &w.rules)
	}
	if e.Ripe == 0 {
		e.Ripe = Duration(w.ripe(p.Rollout.Timeout, at))
		w.crowd.patience(time.Duration(e.Ripe))
	}
	w.crowd.turn(at)
	w.blocks, w.visits.at = w.blocks[:0], at
	for e.Ripe > 0 {
		n, ok := w.reader.Next(at, time.Duration(e.Ripe))
		if !ok {
			break
		}
		w.add(n)
		if !w.rules.Sticky {
			w.control.add(w.stable, n, w.reader.EndsSecond(n))
		}
	}
	w.forget()
	now := analysis.Now{
		Step: s.Step, Next: p.Rollout.next(s), MinRequests: p.Rollout.at(s).MinRequests, Age: time.Duration(e.Ripe), Lost: w.reader.Lost - w.lost + w.visits.missed(),
	}
	w.lost = w.reader.Lost
	report := w.trace.assess(w, s.Attempt, &e.State, now)
	if report.Ratio = nil; p.Rollout.SampleRatio && !p.Rollout.onCopies(s) {
		report.Ratio = w.ratio(e)
	}
	if report.Duel = nil; p.Rollout.AB != nil && w.duel != nil && s.Step == 1 {
		if e.Duel == nil {
			e.Duel = &analysis.DuelState{}
		}
		w.stand = w.duel.Add(e.Duel, w.blocks, now)
		report.Duel = &w.stand
	}
	return report
}

// ratio takes the new blocks into the evidence about the canary's share. The users of a sticky route count in the first epoch of an attempt:
// afterwards the same ones come again.
func (w *watch) ratio(e *Evidence) *analysis.Ratio {
	if e.Ratio == nil {
		e.Ratio = &analysis.Ratio{}
	}
	for i := range w.blocks {
		e.Ratio.Add(&w.blocks[i], w.rules.Sticky)
	}
	if w.rules.Sticky && w.crowd.known {
		e.Ratio.Closed = true
	}
	return e.Ratio
}

// add makes the judge's block of a block of arrivals.
func (w *watch) add(n int64) {
	t := w.at(n)
	if t == nil || w.canary == nil || w.stable == nil {
		return
	}
	b := analysis.Block{Tick: n + w.offset, Weight: t.weight, Step: t.step, Next: t.next}
	canary, stable := w.canary.Block(n), w.stable.Block(n)
	b.Count(&canary, &stable)
	w.visits.count(&b)
	if w.crowd.keys != nil {
		b.Users = room(&w.counted, len(w.blocks))
		w.crowd.count(&b, n)
		w.control.addUsers(w.crowd.keys, b.Users, &w.visits.played, n, w.reader.EndsSecond(n))
	}
	b.Latency = w.ended(n, t)
	w.blocks = append(w.blocks, b)
}

// at is what was in force in a block; nil where that is not one thing.
func (w *watch) at(n int64) *turn {
	for i := len(w.turns) - 1; i >= 0; i-- {
		t := &w.turns[i]
		if n >= t.from {
			return t
		}
		if n >= t.void {
			return nil
		}
	}
	return nil
}

// ended are the latencies that end with block n, under one turn: those of half a second where there are enough, else of the whole one.
func (w *watch) ended(n int64, t *turn) *analysis.Latencies {
	second := w.reader.EndsSecond(n) && w.half != n-blocksInHalf
	switch {
	case !w.reader.EndsHalf(n) || w.at(n-blocksInHalf+1) != t:
		return nil
	case second && w.at(n-blocksInSecond+1) == t:
		return w.latency(n, (*metrics.Meter).Second)
	}
	l := w.latency(n, (*metrics.Meter).Half)
	l.Half = true
	if (n+1)%blocksInSecond != 0 {
		if !l.Enough() {
			return nil
		}
		w.half = n
	}
	return l
}

const blocksInHalf = int64(time.Second / 2 / (100 * time.Millisecond))

// latency is what arrived in the time that ends with block n.
func (w *watch) latency(n int64, read func(*metrics.Meter, int64, *metrics.Window)) *analysis.Latencies {
	used := 0
	for i := range w.blocks {
		if w.blocks[i].Latency != nil {
			used++
		}
	}
	l := room(&w.latencies, used)
	canary, stable := w.canary, w.stable
	if w.crowd.keys != nil {
		canary, stable = w.crowd.keys.Firsts(metrics.CanarySide), w.crowd.keys.Firsts(metrics.StableSide)
	}
	read(canary, n, &w.seconds[0])
	read(stable, n, &w.seconds[1])
	l.Half = false
	if w.crowd.keys != nil {
		read(w.crowd.keys.MimicFirsts(), n, &w.seconds[2])
		w.seconds[1].Add(&w.seconds[2])
		l.CountFirsts(&w.seconds[0], &w.seconds[1])
	} else {
		l.Count(&w.seconds[0], &w.seconds[1])
	}
	return l
}

// room is the i-th of things that are used again with each look.
func room[T any](all *[]*T, i int) *T {
	if i == len(*all) {
		*all = append(*all, new(T))
	}
	return (*all)[i]
}

// forget drops the turns that no block to come was in.
func (w *watch) forget() {
	const kept = 600 // a minute: more than any age
	for len(w.turns) > 1 && len(w.blocks) > 0 && w.turns[1].from < w.blocks[0].Tick-w.offset-kept {
		w.turns = w.turns[1:]
	}
}

const (
	// leastRipe and usualRipe are the least age at which a block is judged, and the one where nothing is known of stable.
	leastRipe = 500 * time.Millisecond
	usualRipe = time.Second
	// ripeAfter is how long stable is watched for it, if it was not before, and ripeFrom how many requests are enough.
	ripeAfter = 5 * time.Second
	ripeFrom  = 50
)

// ripe is the age at which an attempt's blocks are judged: what has not ended then has failed. It is twice stable's p99, of the last seconds;
// 0 as long as too little is known. It is not changed in an attempt.
func (w *watch) ripe(timeout time.Duration, at metrics.Instant) time.Duration {
	most := metrics.MaxAge
	if timeout > 0 {
		most = min(most, timeout)
	}
	age := time.Duration(0)
	if w.stable != nil {
		recent := w.stable.Window(at.Add(-metrics.MaxAge), at)
		h := &recent.Latency[metrics.Drawn]
		if h.Count() < ripeFrom && at.Sub(w.from) < ripeAfter {
			return 0
		}
		age = 2 * h.Quantile(0.99)
		if h.Count() < ripeFrom {
			age = max(age, usualRipe)
		}
	}
	return max(min(max(age, leastRipe), most), leastRipe)
}

// learn takes in what stable does while no attempt has traffic, at the age at which an attempt would judge it: so that one that begins soon
// after its process knows the seconds before it.
func (w *watch) learn(timeout time.Duration, at metrics.Instant) {
	if w.judge == nil || w.stable == nil {
		return
	}
	if w.quiet == 0 || at.Sub(w.quietAt) >= saveEvery {
		w.quiet, w.quietAt = w.ripe(timeout, at), at
	}
	age := w.quiet
	if age == 0 {
		age = metrics.MaxAge
	}
	for {
		n, ok := w.reader.Next(at, age)
		if !ok {
			return
		}
		if !w.rules.Sticky {
			w.control.add(w.stable, n, w.reader.EndsSecond(n))
		}
		counts := w.stable.Block(n)
		var latency *analysis.Latencies
		if w.reader.EndsSecond(n) {
			latency = room(&w.latencies, 0)
			w.stable.Second(n, &w.seconds[0])
			latency.Count(&w.seconds[0], &w.seconds[0])
		}
		w.judge.Learn(&w.prior, analysis.TallyOf(counts[metrics.Drawn]), latency, n)
	}
}

// lane reads what the fast lane looks at.
func (w *watch) lane(r *Rollout, at metrics.Instant) *analysis.Evidence {
	w.fast = analysis.Evidence{}
	for i, side := range []struct {
		m   *metrics.Meter
		arm *analysis.Arm
	}{{w.canary, &w.fast.Canary}, {w.stable, &w.fast.Stable}} {
		if side.m == nil {
			continue
		}
		side.arm.Unreachable, side.arm.Errors = side.m.UnreachableRow(), side.m.Failed()-w.failed[i]
		if r.AbortOn != nil {
			counts := side.m.Arrived(max(w.from, at.Add(-r.AbortOn.Window)), at)
			side.arm.Abort = counts[metrics.Drawn]
			side.arm.Abort.Add(counts[metrics.Pinned])
		}
	}
	return &w.fast
}
