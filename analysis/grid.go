package analysis

// grid is what a test bets on, with the share of the stake each bet has.
type grid struct {
	theta, prior []float64
}

func even(theta ...float64) grid {
	g := grid{theta: theta, prior: make([]float64, len(theta))}
	for k := range g.prior {
		g.prior[k] = 1 / float64(len(theta))
	}
	return g
}

var (
	// errorOdds are how many times worse than the line the canary's odds are.
	errorOdds = even(1.4, 2, 3.5, 8, 30, 1000)
	// conversionOdds are of not converting: the base rate is large, effects are small.
	conversionOdds = even(1.05, 1.1, 1.25, 1.6, 3)
	// harmless are multiples of stable's rate that the canary may have when it does no harm.
	harmless = grid{theta: []float64{0.5, 1, 1.25}, prior: []float64{0.2, 0.6, 0.2}}
	// slower is which share of the requests is slower by which factor.
	slower      = even(1.05, 1.1, 1.25, 1.6, 2.5, 6, 3, 8)
	slowerShare = []float64{1, 1, 1, 1, 1, 1, 0.2, 0.03}
	// meanBets are shares of the largest bet on a mean that can't ruin.
	meanBets = even(0.01, 0.03, 0.1, 0.25, 0.5)
)

// worse is the rate at odds theta times those of p.
func worse(p, theta float64) float64 {
	odds := theta * p / (1 - p)
	return clampRate(odds / (1 + odds))
}
