package analysis

import (
	"math"

	"sluice/metrics"
)

// Rank is the safe log-rank test: given who is there, under the null the user who fails next is on the canary with the odds of its
// users times rho. A user is bad once per component, so whatever a user's requests have in common does no harm (ter Schure, Pérez-Ortiz, Ly,
// Grünwald: The Safe Logrank Test, arXiv 2011.06931).
type Rank struct {
	Cash       float64     `json:"cash"`
	Components []Component `json:"components"`
	// Rho is the margin as a factor of the hazard, frozen at the start.
	Rho float64 `json:"rho"`
}

// Component is one start of the test: it counts only while its score is above 0.
type Component struct {
	W     Process `json:"wealth"`
	Score float64 `json:"score"`
}

const (
	rankFirst = 0.7 // the stake of the component that is open from the start
	rankLater = 1 - rankFirst
)

// take is one block. ratio is the margin's own factor, for the gate; later is how many components are expected after the first.
func (r *Rank) take(u *metrics.Users, ratio float64, later int, at *clock) {
	r.open(u.Open, later)
	r.begin(at.second, at.limit)
	r.bet(u, ratio)
}

// open gives new components their stake, while there is any: the first most, the expected later ones even parts.
func (r *Rank) open(n, later int) {
	for len(r.Components) < min(n, metrics.MaxComponents) {
		stake := r.next(later)
		r.Cash -= stake
		r.Components = append(r.Components, Component{W: newProcess(stake)})
	}
}

// next is the stake of the next component.
func (r *Rank) next(later int) float64 {
	if len(r.Components) == 0 {
		return min(rankFirst, r.Cash)
	}
	return min(rankLater/float64(max(later, 1)), r.Cash)
}

// begin starts a calendar second in every component; what was opened since the last one bets now.
func (r *Rank) begin(second int64, limit float64) {
	for j := range r.Components {
		if w := &r.Components[j].W; w.begins(second) {
			w.begin(second, w.Cash, limit, errorOdds.prior)
		}
	}
}

// bet looks at one block's users.
func (r *Rank) bet(u *metrics.Users, ratio float64) {
	var risk, failed metrics.Sides
	for j := range r.Components {
		risk.Canary += u.Risk[j].Canary
		risk.Stable += u.Risk[j].Stable
		failed.Canary += u.Failed[j].Canary
		failed.Stable += u.Failed[j].Stable
		if risk.Canary == 0 || risk.Stable == 0 || failed.Canary+failed.Stable == 0 {
			continue
		}
		r.Components[j].bet(risk, failed, r.Rho, ratio)
	}
}

func (c *Component) bet(risk, failed metrics.Sides, rho, ratio float64) {
	s := float64(risk.Canary) / float64(risk.Canary+risk.Stable)
	share := func(hazard float64) float64 { return hazard * s / (hazard*s + 1 - s) }
	fc, fb := float64(failed.Canary), float64(failed.Stable)
	a := share(rho)
	for k, theta := range errorOdds.theta {
		b := clampRate(share(theta * rho))
		c.W.win(k, fc*math.Log(b/a)+fb*math.Log((1-b)/(1-a)))
	}
	c.Score += fc - (fc+fb)*share(ratio)
}

// logE is the evidence: the cash, and the wealth of the components that are ahead. Leaving out the others only lowers it, and keeps hazards
// that cross from counting against a canary that is better on the whole.
func (r *Rank) logE(limit float64) float64 {
	sum := broke
	if r.Cash > 0 {
		sum = math.Log(r.Cash)
	}
	for j := range r.Components {
		if c := &r.Components[j]; c.Score > 0 {
			sum = logAdd(sum, c.W.logE(len(errorOdds.theta), limit))
		}
	}
	return sum
}
