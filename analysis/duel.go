package analysis

import (
	"time"

	"sluice/metrics"
)

// Who wins a Duel.
const (
	CanaryWins = "canary"
	StableWins = "stable"
)

// Duel finds out which of two versions is better by one metric, at any time: two tests without a margin, one that the canary is worse and one
// that stable is. Each takes half of what may go wrong, so that of two equal versions one is said to win with a probability of at most
// 1 − confidence, however often and however long it is looked at.
type Duel struct {
	worse, better *Assessor
	turned        []Block
	users         []metrics.Users
}

// DuelState is the evidence of a Duel: plain data, kept like State.
type DuelState struct {
	Worse  State `json:"worse"`
	Better State `json:"better"`
	// Winner is who has won; it stays.
	Winner string `json:"winner,omitempty"`
}

// DuelReport is how a Duel stands. Verdict has both sides' numbers; its Evidence is that stable is better.
type DuelReport struct {
	Winner  string
	Verdict Verdict
	// Evidence that the canary is better, and the evidence at which a side wins.
	Evidence, Limit float64
}

// NewDuel makes a duel by a metric, ErrorRate or Conversions, for an attempt that takes duration at most.
func NewDuel(metric string, confidence float64, sticky bool, duration time.Duration) *Duel {
	r := Rules{
		Rules:      []Rule{{Check: Check{Name: metric, Metric: metric}, MaxRatio: 1}},
		Confidence: 1 - (1-confidence)/2, Sticky: sticky, Steps: 1, Duration: duration,
	}
	return &Duel{worse: New(r), better: New(r)}
}

// Restart begins the windows that are shown anew.
func (d *Duel) Restart(tick int64) {
	d.worse.Restart(tick)
	d.better.Restart(tick)
}

// Add takes in blocks, the oldest first, and says how it stands. The first side to be proven better has won for good.
func (d *Duel) Add(s *DuelState, blocks []Block, now Now) DuelReport {
	now.Next, now.MinRequests = 0, 0
	report := d.worse.Assess(&s.Worse, blocks, now)
	out := DuelReport{Verdict: report.Findings[0]}
	lost := report.Failed >= 0
	report = d.better.Assess(&s.Better, d.turn(blocks), now)
	out.Evidence, out.Limit = report.Findings[0].Evidence, report.Findings[0].EvidenceLimit
	switch {
	case s.Winner != "":
	case lost:
		s.Winner = StableWins
	case report.Failed >= 0:
		s.Winner = CanaryWins
	}
	out.Winner = s.Winner
	return out
}

// turn is the blocks with the sides exchanged.
func (d *Duel) turn(blocks []Block) []Block {
	d.turned = d.turned[:0]
	for len(d.users) < len(blocks) {
		d.users = append(d.users, metrics.Users{})
	}
	for i := range blocks {
		b := blocks[i]
		b.Drawn, b.Firsts, b.Visits = b.Drawn.turned(), b.Firsts.turned(), b.Visits.turned()
		b.Judged, b.Latency = b.Drawn.Canary, nil
		b.Weight, b.Next = 10000-b.Weight, 0
		if b.VisitsWeight > 0 {
			b.VisitsWeight = 10000 - b.VisitsWeight
		}
		if b.Users != nil {
			turnUsers(b.Users, &d.users[i])
			b.Users = &d.users[i]
		}
		d.turned = append(d.turned, b)
	}
	return d.turned
}

func (p Pair) turned() Pair { return Pair{Canary: p.Stable, Stable: p.Canary} }

func turnUsers(from, to *metrics.Users) {
	to.Open = from.Open
	for j := range from.Risk {
		to.Risk[j] = metrics.Sides{Canary: from.Risk[j].Stable, Stable: from.Risk[j].Canary}
		to.Failed[j] = metrics.Sides{Canary: from.Failed[j].Stable, Stable: from.Failed[j].Canary}
	}
}

// Fold gives up all bets and goes on with the cash, as State.Fold does.
func (s *DuelState) Fold(why string) {
	if s == nil {
		return
	}
	s.Worse.Fold(why)
	s.Better.Fold(why)
}

// FoldUsers gives up the bets on users, as State.FoldUsers does.
func (s *DuelState) FoldUsers() {
	if s == nil {
		return
	}
	s.Worse.FoldUsers()
	s.Better.FoldUsers()
}
