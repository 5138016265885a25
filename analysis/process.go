package analysis

import "math"

const (
	// maxAlternatives is room for the grid of any test here.
	maxAlternatives = 8
	// broke is the logarithm of no wealth. It is finite, so that a state can be written as JSON.
	broke = -1e9
	// ticksASecond: blocks of arrivals are 100 ms long.
	ticksASecond = 10
)

// Process is one test by betting: the wealth of K bets on fixed alternatives, and the Cash that no bet has had yet. Under the null the sum
// of both is a nonnegative supermartingale that began at 1, so it ever reaches x with probability 1/x at most, however often one looks
// (Ville's inequality; docs/how-it-decides.md). It is plain data: copy it, keep it, go on from it.
type Process struct {
	// Raw are the logarithms of the wealths, Start what they were when the calendar second began.
	Raw   [maxAlternatives]float64 `json:"raw"`
	Start [maxAlternatives]float64 `json:"start"`
	Cash  float64                  `json:"cash"`
	// Second is the calendar second that began last.
	Second int64 `json:"second"`
	Began  bool  `json:"began"`
	// Steps are those begun when stake was placed last.
	Steps int `json:"steps"`
}

// newProcess has everything in cash.
func newProcess(cash float64) Process {
	p := Process{Cash: cash}
	for k := range p.Raw {
		p.Raw[k], p.Start[k] = broke, broke
	}
	return p
}

// begins says whether the block's second is a new one.
func (p *Process) begins(second int64) bool { return !p.Began || second > p.Second }

// begin starts a calendar second: what the last one won beyond the cap is lost, and stake goes from cash to the bets. Stake is released
// here and nowhere else, else the cap would not be a minimum of supermartingales.
func (p *Process) begin(second int64, stake, limit float64, prior []float64) {
	p.Second, p.Began = second, true
	stake = max(0, min(stake, p.Cash))
	p.Cash -= stake
	for k := range prior {
		raw := min(p.Raw[k], p.Start[k]+limit)
		if stake > 0 {
			raw = logAdd(raw, math.Log(stake)+math.Log(prior[k]))
		}
		p.Raw[k], p.Start[k] = raw, raw
	}
}

// win multiplies the wealth of alternative k by exp(l). Not a number is no news.
func (p *Process) win(k int, l float64) {
	if !math.IsNaN(l) {
		p.Raw[k] = max(broke, min(p.Raw[k]+l, -broke))
	}
}

// logE is the logarithm of the evidence: of the cash and of what the k bets are worth under the cap.
func (p *Process) logE(k int, limit float64) float64 {
	var parts [maxAlternatives + 1]float64
	most := broke
	if p.Cash > 0 {
		most = math.Log(p.Cash)
	}
	parts[k] = most
	for i := range k {
		parts[i] = min(p.Raw[i], p.Start[i]+limit)
		most = max(most, parts[i])
	}
	sum := 0.0 // over exp(most): one logarithm instead of one for each
	for _, l := range parts[:k+1] {
		if l -= most; l > -40 { // else below the last bit
			sum += math.Exp(l)
		}
	}
	return most + math.Log(sum)
}

// logAdd is ln(e^a + e^b).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if b-a < -40 { // below the last bit
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
