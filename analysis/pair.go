package analysis

import "math"

// Tally is so many trials, and how many of them were bad.
type Tally struct {
	N   uint64 `json:"n"`
	Bad uint64 `json:"bad"`
}

func (t *Tally) add(o Tally) {
	t.N += o.N
	t.Bad += o.Bad
}

func (t Tally) sane() bool { return t.Bad <= t.N && t.N < 1<<40 }

// rate is the share of bad ones, 0 of none.
func (t Tally) rate() float64 {
	if t.N == 0 {
		return 0
	}
	return float64(t.Bad) / float64(t.N)
}

// Pair is the trials of both sides that arrived in the same time.
type Pair struct {
	Canary Tally `json:"canary"`
	Stable Tally `json:"stable"`
}

func (p *Pair) add(o Pair) {
	p.Canary.add(o.Canary)
	p.Stable.add(o.Stable)
}

// share is the canary's part of the trials, as it came out. Betting with the configured one rolls back every canary that gets less.
func (p Pair) share() float64 { return float64(p.Canary.N) / float64(p.Canary.N+p.Stable.N) }

// Learned is stable's rate as far as earlier blocks show it. It only steers the bets: a wrong one costs power, never validity.
type Learned struct {
	N      float64 `json:"n"`
	Bad    float64 `json:"bad"`
	Second int64   `json:"second"`
}

const (
	// halfLife of what was learned for the bets, in seconds.
	halfLife = 300
	// lately is that of stable's present rate, which only says whether stable breaks a limit too.
	lately = 5
)

// learn adds a block's stable side. It comes after the block's bets.
func (l *Learned) learn(t Tally, second, halfLife int64) {
	if gap := second - l.Second; gap > 0 && l.N > 0 {
		keep := math.Exp2(-float64(min(gap, 100*halfLife)) / float64(halfLife))
		l.N, l.Bad = l.N*keep, l.Bad*keep
	}
	l.Second = max(l.Second, second)
	l.N += float64(t.N)
	l.Bad += float64(t.Bad)
}

func (l *Learned) rate() float64 { return clampRate((l.Bad + 0.5) / (l.N + 500)) }

// compare bets that the canary is worse than the line, on which side the bad ones came from.
func (p *Process) compare(b Pair, pb float64, l line, g grid) {
	if b.Canary.N == 0 || b.Stable.N == 0 {
		return
	}
	p0, w := l.at(pb), b.share()
	if p0 >= 1-1e-6 { // everything is within the margin
		return
	}
	for k, theta := range g.theta {
		p.betPair(k, b, w, pb, worse(p0, theta), l)
	}
}

// clear bets that the canary is not as bad as the line: the evidence that its harm is bounded.
func (p *Process) clear(b Pair, pb float64, l line) {
	if b.Canary.N == 0 || b.Stable.N == 0 {
		return
	}
	w := b.share()
	for k, m := range harmless.theta {
		if pc := clampRate(m * pb); pc < l.at(pb) {
			p.betPair(k, b, w, pb, pc, l)
		}
	}
}

func (p *Process) betPair(k int, b Pair, w, pb, pc float64, l line) {
	qb, qc, ok := project(pb, pc, w, l)
	if !ok {
		return
	}
	p.win(k, factor(float64(b.Canary.Bad), float64(b.Canary.N), pc, qc)+factor(float64(b.Stable.Bad), float64(b.Stable.N), pb, qb))
}

// exceed bets that the canary's rate is above p0, whatever stable's is.
func (p *Process) exceed(t Tally, p0 float64, g grid) {
	if p0 >= 1-1e-6 || t.N == 0 {
		return
	}
	p0 = clampRate(p0)
	for k, theta := range g.theta {
		p.win(k, factor(float64(t.Bad), float64(t.N), worse(p0, theta), p0))
	}
}

// present is the rate without a prior, 0 of nothing.
func (l *Learned) present() float64 {
	if l.N <= 0 {
		return 0
	}
	return l.Bad / l.N
}
