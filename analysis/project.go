package analysis

import "math"

// line is the edge of a null hypothesis: the canary's rate is R times stable's plus D.
type line struct {
	R float64 `json:"r"`
	D float64 `json:"d"`
}

func (l line) at(p float64) float64 { return l.R*p + l.D }

const (
	leastRate = 1e-9
	mostRate  = 1 - 1e-9
)

func clampRate(p float64) float64 { return max(leastRate, min(p, mostRate)) }

// project finds the point of the line that is nearest to the rates (pb, pc), for a share w of the requests on the canary: the reverse
// information projection (Turner, Ly, Grünwald: arXiv 2106.02693), argmin of w KL(pc‖R q + D) + (1-w) KL(pb‖q). The derivative falls strictly between pb and the q whose line is
// pc; plain Newton leaves that bracket, so a step that would is a bisection. ok is false where all rates are on one side of the line. From
// under it rates are projected also where the line is above 1 at pb: they meet it where stable fails less.
func project(pb, pc, w float64, l line) (qb, qc float64, ok bool) {
	under := pc < l.at(pb)
	if l.D >= 1-1e-6 || !under && l.at(pb) >= 1-1e-6 {
		return 0, 0, false
	}
	if l.D == 0 && l.R == 1 {
		q := w*pc + (1-w)*pb
		return q, q, true
	}
	lo, hi := pb, min((pc-l.D)/l.R, (mostRate-l.D)/l.R, mostRate)
	if under {
		lo, hi = max((pc-l.D)/l.R, leastRate*1e-6), min(pb, (mostRate-l.D)/l.R)
	}
	if !(lo < hi) {
		q := min(lo, pb)
		return q, l.at(q), true
	}
	q := lo + (hi-lo)*w // the answer at R = 1, D = 0
	if under {
		q = hi - (hi-lo)*w
	}
	for range 80 {
		g, slope := projection(q, pb, pc, w, l)
		if g > 0 {
			lo = q
		} else {
			hi = q
		}
		next := q - g/slope
		if !(next > lo && next < hi) {
			next = (lo + hi) / 2
		}
		if math.Abs(next-q) <= 1e-14*q {
			q = next
			break
		}
		q = next
	}
	return q, l.at(q), true
}

// projection is the derivative of the distance along the line, and its slope.
func projection(q, pb, pc, w float64, l line) (g, slope float64) {
	c := l.at(q)
	vc, vb := c*(1-c), q*(1-q)
	g = w*l.R*(pc-c)/vc + (1-w)*(pb-q)/vb
	slope = w*l.R*l.R*(-vc-(pc-c)*(1-2*c))/(vc*vc) + (1-w)*(-vb-(pb-q)*(1-2*q))/(vb*vb)
	return g, slope
}

// factor is the logarithm of what a bet on rate p against q wins with so many bad ones of n.
func factor(bad, n, p, q float64) float64 {
	l := 0.0
	if bad > 0 {
		l = bad * math.Log(p/q)
	}
	if bad < n {
		l += (n - bad) * math.Log1p((q-p)/(1-q))
	}
	return l
}
