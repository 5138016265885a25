package analysis

// Trials is the evidence of a metric whose trials are good or bad: errors, conversions, latencies beyond a limit.
type Trials struct {
	// Open is the block that is not closed yet, from tick First on; OpenJudged its canary trials with the pinned ones.
	Open       Pair  `json:"open"`
	OpenJudged Tally `json:"openJudged"`
	First      int64 `json:"first"`
	// Weight of the canary when the visits of the open block came; only conversions know it.
	Weight uint16 `json:"weight,omitempty"`
	// Learned is stable's rate for the bets, Lately its present one.
	Learned Learned `json:"learned"`
	Lately  Learned `json:"lately"`
	// Margin, frozen at the first comparison.
	Margin line `json:"margin"`
	Frozen bool `json:"frozen"`
	// Compare is the evidence that the canary is beyond the margin. Over and Worse are those of an absolute limit: that the canary is over
	// it, and that it is worse than stable. The smaller of the two rolls back.
	Compare Process `json:"compare"`
	Over    Process `json:"over"`
	Worse   Process `json:"worse"`
	// Harm is the evidence that the next step's harm is bounded, since HarmStep began; HarmLine is that bound.
	Harm     Process `json:"harm"`
	HarmStep int     `json:"harmStep"`
	HarmLine line    `json:"harmLine"`
	HasHarm  bool    `json:"hasHarm"`
}

func newTrials() *Trials {
	return &Trials{Compare: newProcess(1), Over: newProcess(1), Worse: newProcess(1), Harm: newProcess(1)}
}

// how is what the trials are used for.
type how struct {
	compare, limited bool
	limit            float64 // share of bad trials
	grid             grid
	margin           line
	fixed            bool // margin holds as it is; else it follows stable's history
	sticky           bool // the comparisons are by user, elsewhere
	business         bool // the trials are users, by conversion
	optional         bool // a step does not wait for such trials, as other checks judge it
}

// leastCanary and leastBlock are how many requests are worth a block, the canary's and all.
const leastCanary, leastBlock = 4, 40

// closes is the rule for blocks: by the clock and by counts alone, never at the n-th arrival and never by outcomes. Small blocks cost power
// (the observed share is then a poor guess), long ones let rates change inside.
func closes(p Pair, ticks int64) bool {
	n := p.Canary.N + p.Stable.N
	switch {
	case p.Canary.N >= leastCanary && n >= leastBlock:
		return true
	case ticks >= ticksASecond && p.Canary.N > 0 && n >= 8:
		return true
	default:
		return ticks >= 5*ticksASecond
	}
}

// add takes in one tick's arrivals. It is true when the block is to be closed.
func (t *Trials) add(p Pair, judged Tally, tick int64, length int64) bool {
	if t.Open.Canary.N+t.Open.Stable.N+t.OpenJudged.N == 0 {
		t.First = tick - length + 1
	}
	t.Open.add(p)
	t.OpenJudged.add(judged)
	return closes(t.Open, tick-t.First+1)
}

// bet closes the open block at the clock's moment.
func (t *Trials) bet(h *how, at *clock) {
	b, judged := t.Open, t.OpenJudged
	t.Open, t.OpenJudged = Pair{}, Tally{}
	pb := t.Learned.rate()
	if h.business {
		if t.Learned.N < leastVisits {
			t.learnVisits(b.Stable, at.second)
			return
		}
		pb = t.Learned.plain()
	}
	if h.compare {
		at.begin(&t.Compare, h.grid)
		t.Compare.compare(b, pb, t.margin(h), h.grid)
	}
	if h.limited {
		t.betLimit(h, at, b, judged, pb)
	}
	if t.HasHarm {
		if t.Harm.begins(at.second) {
			t.Harm.begin(at.second, t.Harm.Cash, harmCap, harmless.prior)
		}
		t.Harm.clear(b, pb, t.HarmLine)
	}
	if h.business {
		t.learnVisits(b.Stable, at.second)
		return
	}
	t.learn(b.Stable, at.second)
}

// betLimit: where the plan leaves stable no traffic there is nothing to compare with, and both bets are on the limit.
func (t *Trials) betLimit(h *how, at *clock, b Pair, judged Tally, pb float64) {
	at.begin(&t.Over, h.grid)
	t.Over.exceed(judged, h.limit, h.grid)
	at.begin(&t.Worse, h.grid)
	if at.alone {
		t.Worse.exceed(judged, h.limit, h.grid)
		return
	}
	t.Worse.compare(b, pb, line{R: 1}, h.grid)
}

// harmless says that the next step's harm is bounded: by evidence, or because the bound is more than any canary can do.
func (t *Trials) harmless() bool {
	return t.HarmLine.D >= 1 || t.Harm.logE(len(harmless.theta), harmCap) >= logAcceptance
}

func (t *Trials) learn(stable Tally, second int64) {
	t.Learned.learn(stable, second, halfLife)
	t.Lately.learn(stable, second, lately)
}

// margin is frozen when it is asked for first.
func (t *Trials) margin(h *how) line {
	if !t.Frozen {
		t.Margin, t.Frozen = h.margin, true
		if !h.fixed {
			t.Margin = frozen(t.Learned.rate())
		}
	}
	return t.Margin
}

// clock is what all processes of an attempt share: the calendar second, the attempt's steps, and the schedule of stakes.
type clock struct {
	second int64
	steps  int  // begun
	alone  bool // the plan gives the canary everything
	limit  float64
	perSec float64 // stake a second
	perNew float64 // stake a later step
	plan   int     // later steps that get one
}

// begin starts the second in a process: at first the lump, then by elapsed time and by steps begun, repeats included.
func (c *clock) begin(p *Process, g grid) {
	if !p.begins(c.second) {
		return
	}
	stake := lump * p.Cash
	if p.Began {
		stake = c.perSec*float64(c.second-p.Second) + c.perNew*float64(max(0, min(c.steps, c.plan+1)-p.Steps))
	}
	p.Steps = c.steps
	p.begin(c.second, stake, c.limit, g.prior)
}
