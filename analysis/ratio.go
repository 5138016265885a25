package analysis

import "math"

// Ratio bets that the canary's share of what was drawn is not the configured one (a sample-ratio mismatch): then somebody chooses who gets
// which version, and the two sides are no longer alike. At each weight it is a mixture of shares around that weight, a Beta; the evidence of
// the weights multiplies. Of draws that are as configured it exceeds E with a probability of at most 1/E, at any time.
type Ratio struct {
	Weight uint16 `json:"weight"`
	// Canary of All were drawn to the canary at this weight.
	Canary uint64 `json:"canary"`
	All    uint64 `json:"all"`
	// Done is the logarithm of the evidence of the weights before.
	Done float64 `json:"done"`
	// Closed says that nothing more is taken in: the users of a sticky route are known, and count once.
	Closed bool `json:"closed,omitempty"`
}

// AlarmingRatio is the evidence at which people are told.
const AlarmingRatio = 1000

// ratioFirm is how firmly the mixture sits around the weight, in draws.
const ratioFirm = 200

// Add takes in a block: by request, or, on sticky routes, the users that it saw first.
func (r *Ratio) Add(b *Block, sticky bool) {
	p := b.Drawn
	if sticky {
		p = b.Firsts
	}
	if r.Closed || b.Weight == 0 || b.Weight >= 10000 {
		return
	}
	if b.Weight != r.Weight {
		r.Done += r.here()
		r.Weight, r.Canary, r.All = b.Weight, 0, 0
	}
	r.Canary += p.Canary.N
	r.All += p.Canary.N + p.Stable.N
}

// here is the logarithm of the evidence at the present weight.
func (r *Ratio) here() float64 {
	if r.All == 0 {
		return 0
	}
	w := float64(r.Weight) / 10000
	a, b := ratioFirm*w, ratioFirm*(1-w)
	c, s := float64(r.Canary), float64(r.All-r.Canary)
	return logBeta(a+c, b+s) - logBeta(a, b) - c*math.Log(w) - s*math.Log1p(-w)
}

// Evidence is the e-value so far, 1 of none.
func (r *Ratio) Evidence() float64 {
	if r == nil {
		return 1
	}
	return math.Exp(min(r.Done+r.here(), 700))
}

// Share is the canary's part of what was drawn at the present weight, in percent.
func (r *Ratio) Share() float64 {
	if r.All == 0 {
		return 0
	}
	return 100 * float64(r.Canary) / float64(r.All)
}
