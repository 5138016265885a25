package analysis

import (
	"math"
	"testing"
	"time"

	"sluice/metrics"
)

// everyRule has one rule of each kind.
func everyRule(sticky bool) Rules {
	return Rules{
		Rules: []Rule{
			{Check: Check{Name: "error-rate", Metric: ErrorRate, Max: 5, HasMax: true}},
			{Check: Check{Name: "latency", Metric: Latency, Max: 100, HasMax: true}},
			{Check: Check{Name: "latency-p95", Metric: Latency, Quantile: 0.95, Max: 200, HasMax: true}},
			{Check: Check{Name: "conversion-rate", Metric: Conversions}, Min: 10, HasMin: true},
		},
		Confidence: 0.999, BlastRadius: 0.001, Sticky: sticky, Steps: 4, Duration: 40 * time.Minute,
	}
}

// lognormal latencies: the median is 50 ms, p99 is 3.2 times that.
func (r chance) lognormal(factor float64) time.Duration {
	return time.Duration(factor * 50e6 * math.Exp(0.5*r.NormFloat64()))
}

// latencies are a second of arrivals, the canary's slower by a factor.
func (r chance) latencies(canary, stable float64, factor float64) *Latencies {
	l := &Latencies{}
	for range r.poisson(min(canary, 500)) {
		l.Canary.Good.Record(r.lognormal(factor), 1)
	}
	for range r.poisson(min(stable/2, 500)) + r.poisson(min(stable/2, 500)) {
		l.Stable.Good.Record(r.lognormal(1), 1)
	}
	l.Judged = l.Canary
	return l
}

// fuzzed is a block of arbitrary numbers.
func fuzzed(data []byte, tick int64) (Block, int64, []byte) {
	next := func() uint64 {
		if len(data) == 0 {
			return 0
		}
		v := uint64(data[0])
		data = data[1:]
		switch {
		case v == 255:
			return math.MaxUint64 - 3
		case v > 240:
			return 1 << (v - 220)
		default:
			return v
		}
	}
	pair := func() Pair { return Pair{Canary: Tally{next(), next()}, Stable: Tally{next(), next()}} }
	tick += int64(next()%16) - 1
	b := Block{Tick: tick, Weight: uint16(next() * 40), Step: int(next() % 4), Next: uint16(next() * 40), Drawn: pair(), Judged: Tally{next(), next()}}
	if next()%2 == 0 {
		b.Firsts, b.Visits = pair(), pair()
	}
	if next()%3 == 0 {
		u := &metrics.Users{Open: int(next() % 40)}
		for j := range 3 {
			u.Risk[j], u.Failed[j] = metrics.Sides{Canary: next(), Stable: next()}, metrics.Sides{Canary: next(), Stable: next()}
		}
		b.Users = u
	}
	if next()%3 == 0 {
		l := &Latencies{}
		for _, s := range []*Spread{&l.Canary, &l.Stable, &l.Judged} {
			s.Good.Record(time.Duration(next())*time.Millisecond, next()%64)
			s.Bad = next() % 128
		}
		b.Latency = l
	}
	return b, tick, data
}

func FuzzNoBlocksMakeEvidenceThatIsNoNumber(f *testing.F) {
	f.Add([]byte{2, 13, 1, 60, 200, 3, 210, 4, 20, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	f.Add([]byte{2, 250, 1, 60, 255, 3, 241, 4, 0, 0, 240, 255, 2, 3, 4, 5, 6, 7, 8, 9, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 2, 250, 1, 60, 5, 5})
	r := newChance(11)
	for range 8 {
		var seed []byte
		for range 400 {
			seed = append(seed, byte(r.IntN(256)))
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, sticky := range []bool{false, true} {
			a := New(everyRule(sticky))
			var s State
			var b Block
			rest, tick := data, int64(0)
			for range 200 {
				if len(rest) == 0 {
					break
				}
				b, tick, rest = fuzzed(rest, tick)
				for _, f := range a.Assess(&s, []Block{b}, Now{Step: b.Step, Next: b.Next}).Findings {
					for _, v := range []float64{f.Evidence, f.EvidenceLimit, f.Value, f.StableValue, f.Low, f.High, f.HarmUpper, f.Line} {
						if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
							t.Fatalf("finding %+v after block %+v", f, b)
						}
					}
				}
			}
		}
	})
}

func TestWhatCanNotBeIsNotJudgedAndSaysWhy(t *testing.T) {
	t.Parallel()
	good := Pair{Canary: Tally{N: 5}, Stable: Tally{N: 95, Bad: 1}}
	bad := block(1, good)
	bad.Drawn.Canary = Tally{N: 3, Bad: math.MaxUint64} // a counter that went back
	heavy := block(1, good)
	heavy.Weight = 10001
	for _, c := range []struct {
		name  string
		block Block
		want  string
	}{
		{"counts backwards", bad, "the counts went back"},
		{"a clock backwards", block(-3, good), "the clock went back"},
		{"the same tick twice", block(0, good), "the clock went back"},
		{"a weight that is none", heavy, "a weight is above 100%"},
	} {
		a := New(errorRules(0.001))
		var s State
		a.Assess(&s, []Block{block(0, good)}, step1)
		before := s.Clone()
		r := a.Assess(&s, []Block{c.block}, step1)
		if r.Faults != 1 || r.LastFault != c.want || r.Failed >= 0 || !stateEqual(before, s) {
			t.Errorf("%s: %d faults %q, want 1 %q and the evidence as it was", c.name, r.Faults, r.LastFault, c.want)
		}
	}
}

func TestWithoutStableTrafficThereIsNoComparison(t *testing.T) {
	t.Parallel()
	a := New(errorRules(0.001))
	var s State
	for tick := range int64(1000) {
		r := a.Assess(&s, []Block{block(tick, Pair{Canary: Tally{N: 20, Bad: 20}})}, Now{Step: 1, Next: 2500, MinRequests: 10})
		if f := r.Findings[0]; r.Failed >= 0 || f.Evidence > 1+1e-9 || tick > 5 && f.Reason != ReasonNoStable {
			t.Fatalf("tick %d: failed %d, finding %+v", tick, r.Failed, f)
		}
	}
}

func TestALeapOfTheClockOnlyClosesABlock(t *testing.T) {
	t.Parallel()
	a := New(errorRules(0.001))
	var s State
	for _, tick := range []int64{0, 1, 2, 1 << 40, 1<<40 + 1, 1 << 50} {
		if r := a.Assess(&s, []Block{block(tick, Pair{Canary: Tally{N: 5}, Stable: Tally{N: 95}})}, step1); r.Failed >= 0 || r.Faults > 0 {
			t.Errorf("tick %d: %+v", tick, r)
		}
	}
	if c := s.Tests[0].Trials.Compare.Cash; c < 0 {
		t.Errorf("cash = %g", c)
	}
}
