package analysis

import (
	"math"
	"testing"
	"time"
)

func TestAMarginMovesEveryLatencyAndLosesNone(t *testing.T) {
	t.Parallel()
	for _, ratio := range []float64{0.8, 1, 1.05, 1.2, 2, 5} {
		all := raise(ratio)
		for i := range all {
			sum, mean := 0.0, 0.0
			for k, part := range all[i].part {
				sum += part
				if part > 0 && i < badBucket-1 {
					j := int(all[i].to) + k
					mean += part * (lowerEdge(j) + min(upperEdge(j), 2*lowerEdge(j)+1)) / 2
				}
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Fatalf("x%g: the parts of bucket %d sum to %g", ratio, i, sum)
			}
			if middle := (lowerEdge(i) + upperEdge(i)) / 2 * ratio; i > 64 && i < badBucket-200 && math.Abs(mean/middle-1) > 0.02 {
				t.Errorf("x%g: bucket %d of %g ns goes to %g ns", ratio, i, middle, mean)
			}
		}
	}
}

func TestTheOddsNeverFallWithTheLatency(t *testing.T) {
	t.Parallel()
	r := newChance(1)
	o, table := Order{W: newProcess(1)}, odds{raised: raise(1.05)}
	for second := range int64(30) {
		o.look(r.latencies(5, 95, 1), &table, second)
	}
	for k := range slower.theta {
		for i := 1; i < numLadder; i++ {
			if table.rho[k][i] < table.rho[k][i-1] || table.rho[k][i] < 0.019 || table.rho[k][i] > 101 {
				t.Fatalf("alternative %d: odds %g in bucket %d after %g", k, table.rho[k][i], i, table.rho[k][i-1])
			}
		}
	}
}

// All of stable's latencies are one number, the worst shape for a margin that takes them to be spread: at either edge of its bucket.
func TestACanaryThatIsNoSlowerIsWithinTheMarginWhateverTheShape(t *testing.T) {
	t.Parallel()
	for _, ns := range []float64{lowerEdge(700), upperEdge(700) - 1, lowerEdge(719), upperEdge(719) - 1} {
		o, table := Order{W: newProcess(1)}, odds{raised: raise(1.05)}
		var l Latencies
		l.Canary.Good.Record(time.Duration(ns), 50)
		l.Stable.Good.Record(time.Duration(ns), 950)
		for second := range int64(200) {
			if o.W.begins(second) {
				o.W.begin(second, o.W.Cash, 3, slower.prior)
			}
			o.look(&l, &table, second)
		}
		if e := o.W.logE(len(slower.theta), 3); e > 0 {
			t.Errorf("at %g ns: evidence exp(%g) against an equal canary", ns, e)
		}
	}
}

func TestACanaryThatHangsIsSlow(t *testing.T) {
	t.Parallel()
	a, s, r := New(Rules{Rules: []Rule{{Check: Check{Name: "latency", Metric: Latency}}}, Confidence: 0.999}), State{}, newChance(2)
	a.Learn(&s, Tally{}, r.latencies(0, 950, 1), 0)
	for second := int64(1); second < 6; second++ {
		b := block(second*10+9, Pair{})
		b.Latency = r.latencies(0, 950, 1)
		b.Latency.Canary.Bad, b.Latency.Judged.Bad = 50, 50
		b.Latency.Canary.Late, b.Latency.Judged.Late = 50, 50
		if a.Assess(&s, []Block{b}, Now{Step: 1, Next: 2500, Age: 500 * time.Millisecond}).Failed == 0 {
			f := a.report.Findings[0]
			if f.Evidence < f.EvidenceLimit || f.Standing != ProvenWorse || f.Value != 500 || !f.ValueAbove || f.StableAbove || f.Late != f.Samples {
				t.Errorf("finding %+v, want it proven and above 500 ms", f)
			}
			return
		}
	}
	t.Error("a canary of which nothing ends was not found in 5 s")
}

func TestMeansHaveLimitsToo(t *testing.T) {
	t.Parallel()
	rules := Rules{Rules: []Rule{{Check: Check{Name: "latency", Metric: Latency, Max: 100, HasMax: true}, Alone: true}}, Confidence: 0.999}
	for _, c := range []struct {
		name           string
		canary, stable float64 // times 56.7 ms in the mean
		fails, shared  bool
	}{{"within", 1.5, 1, false, false}, {"over the limit", 2.5, 1, true, false}, {"both over it", 2.5, 2.5, false, false}} {
		a, s, r := New(rules), State{}, newChance(4)
		failed := false
		for second := range int64(60) {
			b := block(second*10+9, Pair{})
			b.Latency = r.latencies(20, 0, c.canary)
			b.Latency.Stable = r.latencies(200, 0, c.stable).Canary
			failed = failed || a.Assess(&s, []Block{b}, step1).Failed == 0
		}
		if failed != c.fails {
			t.Errorf("%s: failed = %t, want %t; %+v", c.name, failed, c.fails, a.report.Findings[0])
		}
	}
}
