package analysis

const (
	// leastVisits of stable's have to be known before anything is bet on conversions: a guess about a rate between 0 and 100 % that
	// nothing supports loses.
	leastVisits = 50
	// visitsHalfLife of what was learned of stable's conversions, in seconds: users come more seldom than requests. visitsLately is that of
	// the present rate, which says whether stable breaks a limit too.
	visitsHalfLife = 6 * 3600
	visitsLately   = 1800
)

// others says that a rule of another metric judges a step too.
func (r *Rules) others(i int) bool {
	for j := range r.Rules {
		if o := &r.Rules[j]; o.Metric != r.Rules[i].Metric && !o.DryRun {
			return true
		}
	}
	return false
}

// visits feeds a rule about conversions with the visits that closed. Those that came at one weight are never in a block with others: the
// share of the canary is one in a block.
func (a *Assessor) visits(t *Test, i int, b *Block) {
	n := b.Visits.Canary.N + b.Visits.Stable.N
	if n > 0 && t.Trials.Weight != b.VisitsWeight {
		if t.Trials.Open != (Pair{}) {
			a.betVisits(t, i)
		}
		t.Trials.Weight = b.VisitsWeight
	}
	w := &a.shown[i]
	w.pair.add(b.Visits)
	w.judged.add(b.Visits.Canary)
	if b.VisitsWeight == b.Weight {
		w.users += b.Visits.Canary.N
	}
	if t.Trials.add(b.Visits, b.Visits.Canary, b.Tick, b.length()) {
		a.betVisits(t, i)
	}
}

// betVisits closes the open block. Whether stable had users beside the canary's is what was so when they came.
func (a *Assessor) betVisits(t *Test, i int) {
	at := a.clock
	at.alone = t.Trials.Weight == 10000
	t.Trials.bet(&a.how[i], &at)
}

func (t *Trials) learnVisits(stable Tally, second int64) {
	t.Learned.learn(stable, second, visitsHalfLife)
	t.Lately.learn(stable, second, visitsLately)
}

// plain is the rate for a metric whose base is no rare event.
func (l *Learned) plain() float64 { return clampRate((l.Bad + 0.5) / (l.N + 1)) }

// goodRate is the percentage of good ones, 0 of none.
func (t Tally) goodRate() float64 {
	if t.N == 0 {
		return 0
	}
	return 100 * (1 - t.rate())
}
