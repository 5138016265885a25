package decision

import "math"

// bound is how many canary requests any test needs that keeps to Sluice's default margins at alpha 0.001, were both sides known; 0 where
// nobody has worked it out.
func (s *Scenario) bound(w float64) float64 {
	switch {
	case !s.Worse || s.Users > 0:
		return 0
	case s.CanaryRate > s.StableRate:
		return errorBound(s.StableRate, s.CanaryRate, w)
	case s.Slower > latencyMargin:
		return latencyBound(math.Log(s.Slower/latencyMargin)/sigma, w)
	}
	return 0
}

const (
	errorMargin   = 1.25
	latencyMargin = 1.05
)

// errorBound: w ln(1/alpha) over the divergence from the nearest point of the line p_c = 1.25 p_b + D (found by thirds; the judge's own search
// is not asked).
func errorBound(pb, pc, w float64) float64 {
	d := max(0.0002, min(2*pb, 0.001))
	pc = min(pc, 1-1e-9)
	kl := func(p, q float64) float64 { return p*math.Log(p/q) + (1-p)*math.Log((1-p)/(1-q)) }
	information := func(q float64) float64 { return w*kl(pc, errorMargin*q+d) + (1-w)*kl(pb, q) }
	lo, hi := pb, min((pc-d)/errorMargin, (1-1e-9-d)/errorMargin)
	for range 200 {
		a, b := lo+(hi-lo)/3, hi-(hi-lo)/3
		if information(a) < information(b) {
			hi = b
		} else {
			lo = a
		}
	}
	return w * math.Log(1000) / information(lo)
}

// latencyBound: what a latency says about its side, for two normal laws whose means are shift deviations apart, by the sum over a grid.
func latencyBound(shift, w float64) float64 {
	information := 0.0
	const step = 0.01
	for x := -8.0; x < 12; x += step {
		b, c := math.Exp(-x*x/2), math.Exp(-(x-shift)*(x-shift)/2)
		if m := w*c + (1-w)*b; b > 0 && c > 0 {
			information += step / math.Sqrt(2*math.Pi) * (w*c*math.Log(c/m) + (1-w)*b*math.Log(b/m))
		}
	}
	return w * math.Log(1000) / information
}
