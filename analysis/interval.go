package analysis

import "math"

// interval is where a rate can be, at every moment at once with the confidence 1 - alpha: the rates that a Beta(1/2, 1/2) mixture can't
// reject. It takes the two integers and nothing else.
func interval(t Tally, alpha float64) (low, high float64) {
	if t.N == 0 {
		return 0, 1
	}
	e, n := float64(t.Bad), float64(t.N)
	m := logBeta(0.5+e, 0.5+n-e) - logBeta(0.5, 0.5)
	out := func(p float64) bool { return m-xlogy(e, p)-xlogy(n-e, 1-p) >= -math.Log(alpha) }
	est := e / n
	return edge(0, est, out), 1 - edge(0, 1-est, func(q float64) bool { return out(1 - q) })
}

// edge is between lo, which may be outside, and hi, which is inside.
func edge(lo, hi float64, out func(float64) bool) float64 {
	if !out(lo) {
		return lo
	}
	for range 30 { // within 1e-9
		if mid := (lo + hi) / 2; out(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

func xlogy(x, y float64) float64 {
	if x == 0 {
		return 0
	}
	return x * math.Log(max(y, 1e-300))
}

func logBeta(a, b float64) float64 {
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	return la + lb - lab
}

// harmUpper is how far the canary's rate may still lie above ratio times stable's (95 %, at any time), as a share.
func harmUpper(p Pair, ratio float64) float64 {
	_, canary := interval(p.Canary, 0.025)
	stable, _ := interval(p.Stable, 0.025)
	return max(0, canary-ratio*stable)
}

// needed is about how many more canary requests the proof needs if the canary is as good as stable, at the share w: what is missing, over
// what the best bet wins with each.
func (t *Trials) needed(w float64) uint64 {
	missing := logAcceptance - t.Harm.logE(len(harmless.theta), harmCap)
	if !t.HasHarm || t.harmless() || w <= 0 || w >= 1 {
		return 0
	}
	pb := t.Learned.rate()
	best := 0.0
	for _, m := range harmless.theta {
		pc := clampRate(m * pb)
		if pc >= t.HarmLine.at(pb) {
			continue
		}
		if qb, qc, ok := project(pb, pc, w, t.HarmLine); ok {
			// what it wins when both rates are pb
			won := w*factor(pb, 1, pc, qc) + (1-w)*factor(pb, 1, pb, qb)
			best = max(best, won/w)
		}
	}
	if best <= 0 {
		return 0
	}
	// the prior's stake: the best bet has to make up for the share it began with
	return uint64(math.Ceil(min(missing/best, 1e9)))
}
