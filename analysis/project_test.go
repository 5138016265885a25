package analysis

import (
	"math"
	"testing"
)

var (
	someR = []float64{0.5, 0.9, 1, 1.1, 1.25, 2, 5}
	someD = []float64{0, 0.0001, 0.001, 0.02, 0.2}
	someW = []float64{0.001, 0.01, 0.05, 0.25, 0.5, 0.95, 0.999}
	someP = []float64{1e-6, 0.0001, 0.001, 0.01, 0.05, 0.3, 0.7, 0.95}
)

// bets are the rates that a test on the line can bet on.
func bets(pb float64, l line) (rates []float64) {
	if l.at(pb) < 1-1e-6 {
		for _, theta := range errorOdds.theta {
			rates = append(rates, worse(l.at(pb), theta))
		}
	}
	for _, m := range harmless.theta {
		rates = append(rates, clampRate(m*pb))
	}
	return rates
}

func eachLine(f func(l line, w, pb, pc float64)) {
	for _, r := range someR {
		for _, d := range someD {
			for _, w := range someW {
				for _, pb := range someP {
					l := line{R: r, D: d}
					for _, pc := range bets(pb, l) {
						f(l, w, pb, pc)
					}
				}
			}
		}
	}
}

// What makes every bet fair: w A + (1-w) B ≤ 1 at every point of the null, for the bets beyond the line and for those within it.
func TestNoBetGainsUnderItsNull(t *testing.T) {
	t.Parallel()
	worst := 0.0
	eachLine(func(l line, w, pb, pc float64) {
		qb, qc, ok := project(pb, pc, w, l)
		if !ok || pc == l.at(pb) {
			return
		}
		gain := func(b, c float64) float64 {
			return w*(c*pc/qc+(1-c)*(1-pc)/(1-qc)) + (1-w)*(b*pb/qb+(1-b)*(1-pb)/(1-qb))
		}
		for _, b := range append([]float64{0, qb}, someP...) {
			edge := l.at(b)
			if edge > 1 {
				continue
			}
			cs := []float64{edge, 0, edge / 2} // the canary is within the margin
			if pc < l.at(pb) {
				cs = []float64{edge, 1, (edge + 1) / 2} // harm: it is beyond it
			}
			for _, c := range cs {
				if g := gain(b, c) - 1; g > worst {
					worst = g
				}
			}
		}
	})
	if worst > 1e-9 {
		t.Errorf("a bet gains %g under its null, want at most rounding", worst)
	}
}

func TestTheProjectionIsTheOneThatBisectionFinds(t *testing.T) {
	t.Parallel()
	eachLine(func(l line, w, pb, pc float64) {
		got, c, ok := project(pb, pc, w, l)
		if !ok || got <= 0 || got >= 1 || c <= 0 || c >= 1 || math.Abs(c-l.at(got)) > 1e-12 {
			t.Fatalf("project(%g, %g, %g, %+v) = %g, %g, %t", pb, pc, w, l, got, c, ok)
		}
		lo, hi := pb, min((pc-l.D)/l.R, (mostRate-l.D)/l.R, mostRate)
		if pc < l.at(pb) {
			lo, hi = max((pc-l.D)/l.R, leastRate*1e-6), min(pb, (mostRate-l.D)/l.R)
		}
		if lo >= hi {
			return
		}
		for range 200 {
			mid := (lo + hi) / 2
			if g, _ := projection(mid, pb, pc, w, l); g > 0 {
				lo = mid
			} else {
				hi = mid
			}
		}
		if math.Abs(got-lo) > 1e-9*lo {
			t.Errorf("project(%g, %g, %g, %+v) = %g, bisection finds %g", pb, pc, w, l, got, lo)
		}
	})
}

// With p_c ≤ p_b + D everything may be the null: then odds beyond the line are negative, and a bet on them always wins.
func TestWhereEveryRateIsWithinTheMarginNothingIsBet(t *testing.T) {
	t.Parallel()
	l := line{R: 1.25, D: 0.001}
	b := Pair{Canary: Tally{N: 50, Bad: 46}, Stable: Tally{N: 950, Bad: 855}} // pb = 0.9: the line is 1.126
	uncorrected, p := newProcess(1), newProcess(1)
	for second := range int64(100) {
		for _, q := range []*Process{&uncorrected, &p} {
			if q.begins(second) {
				q.begin(second, q.Cash, math.Inf(1), errorOdds.prior)
			}
		}
		p.compare(b, 0.9, l, errorOdds)
		p0 := l.at(0.9)
		for k, theta := range errorOdds.theta { // as it was: the line above 1, and the rate held to what a rate can be
			odds := theta * p0 / (1 - p0)
			pc := odds / (1 + odds)
			qb := b.share()*pc + (1-b.share())*0.9
			uncorrected.win(k, float64(b.Canary.Bad)*math.Log(pc/min(qb, 0.9999)))
		}
	}
	if e := p.logE(6, math.Inf(1)); math.Abs(e) > 1e-9 {
		t.Errorf("evidence = exp(%g), want none", e)
	}
	if e := uncorrected.logE(6, math.Inf(1)); e < math.Log(1000) {
		t.Errorf("without the rule the evidence is exp(%g): this test shows nothing", e)
	}
}
