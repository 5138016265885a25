package rollout

import "sluice/analysis"

// blockTrace tells a route's log what its judge was given. It belongs to the loop.
type blockTrace struct {
	to      *blockQueue // nil keeps nothing
	route   string
	attempt string
	judge   *analysis.Assessor
	pen     analysis.LogWriter
}

// assess is the judge's look, of which the log gets what it looks at.
func (t *blockTrace) assess(w *watch, attempt string, s *analysis.State, now analysis.Now) *analysis.Report {
	if t.to != nil && attempt != "" {
		t.note(w, attempt, s, now)
	}
	return w.judge.Assess(s, w.blocks, now)
}

func (t *blockTrace) note(w *watch, attempt string, s *analysis.State, now analysis.Now) {
	fresh, reloaded := t.attempt != attempt, t.judge != w.judge
	if len(w.blocks) == 0 && now.Lost == 0 && !fresh && !reloaded {
		return
	}
	q := t.to
	q.mu.Lock()
	defer q.mu.Unlock()
	t.attempt, t.judge = attempt, w.judge
	if most := q.all.queue; q.size > most || q.dropped > 0 && q.size > most/2 {
		q.dropped += max(1, uint64(len(w.blocks)))
		return
	}
	why := ""
	switch {
	case q.dropped > 0:
		why = analysis.LogGap
	case fresh:
		why = analysis.LogStarted
	case q.anew:
		why = analysis.LogContinued
	}
	c := q.tail(attempt, q.anew && !fresh)
	before := len(c.log)
	switch {
	case why != "":
		c.log = t.pen.Begin(c.log, &analysis.LogBegin{
			Route: t.route, Attempt: attempt, Why: why, Dropped: q.dropped, Rules: w.rules, State: *s,
		})
		q.dropped, q.anew = 0, false
	case reloaded:
		c.log = t.pen.Rules(c.log, &w.rules)
	}
	if now.Lost > 0 {
		c.log = t.pen.Lost(c.log, now.Lost)
	}
	for i := range w.blocks {
		c.log = t.pen.Block(c.log, &w.blocks[i])
	}
	q.size += len(c.log) - before
	q.all.added()
}

// decided marks where in the log decisions were made. Those of an attempt that has not been judged have nothing there.
func (t *blockTrace) decided(decisions []Decision) {
	if t.to == nil || len(decisions) == 0 {
		return
	}
	q := t.to
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range decisions {
		if d.Attempt == "" || d.Attempt != t.attempt || q.dropped > 0 {
			continue
		}
		c := q.tail(d.Attempt, false)
		before := len(c.log)
		c.log = t.pen.Decision(c.log, markOf(d))
		q.size += len(c.log) - before
	}
	q.all.added()
}

func markOf(d Decision) analysis.Mark { return analysis.Mark{Seq: d.Seq, At: d.At.UnixNano()} }
