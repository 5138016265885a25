package analysis

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// slow is a Process in plain numbers of 400 bits, with every line of the rule written out.
type slowProcess struct {
	wealth, start []*big.Float
	cash          *big.Float
}

func number(v float64) *big.Float { return new(big.Float).SetPrec(400).SetFloat64(v) }

func (s *slowProcess) begin(stake float64, limit *big.Float, prior []float64) {
	s.cash.Sub(s.cash, number(stake))
	for k := range prior {
		s.cut(k, limit)
		s.wealth[k].Add(s.wealth[k], new(big.Float).Mul(number(stake), number(prior[k])))
		s.start[k].Set(s.wealth[k])
	}
}

func (s *slowProcess) cut(k int, limit *big.Float) {
	if most := new(big.Float).SetPrec(400).Mul(s.start[k], limit); s.wealth[k].Cmp(most) > 0 {
		s.wealth[k].Set(most)
	}
}

// win multiplies as often as there are trials.
func (s *slowProcess) win(k int, t Tally, p, q float64) {
	for range t.Bad {
		s.wealth[k].Mul(s.wealth[k], new(big.Float).SetPrec(400).Quo(number(p), number(q)))
	}
	for range t.N - t.Bad {
		one := number(1)
		s.wealth[k].Mul(s.wealth[k], new(big.Float).SetPrec(400).Quo(new(big.Float).Sub(one, number(p)), new(big.Float).Sub(one, number(q))))
	}
}

func (s *slowProcess) e(limit *big.Float) float64 {
	sum := new(big.Float).SetPrec(400).Set(s.cash)
	for k := range s.wealth {
		most := new(big.Float).SetPrec(400).Mul(s.start[k], limit)
		if s.wealth[k].Cmp(most) < 0 {
			most = s.wealth[k]
		}
		sum.Add(sum, most)
	}
	mantissa := new(big.Float)
	exp := sum.MantExp(mantissa)
	m, _ := mantissa.Float64()
	return math.Log(m) + float64(exp)*math.Ln2
}

func TestTheProcessIsThatOfBigNumbers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		r := newChance(seed)
		limit := math.Log(1000) / 2
		cut := number(math.Exp(limit))
		l := line{R: []float64{1, 1.25, 1.25, 0.9}[seed%4], D: []float64{0, 0.001, 0, 0.005}[seed%4]}
		fast, plain := newProcess(1), &slowProcess{cash: number(1)}
		for range errorOdds.theta {
			plain.wealth, plain.start = append(plain.wealth, number(0)), append(plain.start, number(0))
		}
		pc := []float64{0.001, 0.01, 0.2, 1}[r.IntN(4)]
		for tick := range int64(300) {
			if second := tick / 10; fast.begins(second) {
				stake := 0.85
				if second > 0 {
					stake = 0.0001 * float64(second%3)
				}
				fast.begin(second, stake, limit, errorOdds.prior)
				plain.begin(stake, cut, errorOdds.prior)
			}
			b, pb := r.pair(20, 0.1, pc, 0.001), 0.0012
			fast.compare(b, pb, l, errorOdds)
			for k, theta := range errorOdds.theta {
				if b.Canary.N == 0 || b.Stable.N == 0 {
					continue
				}
				bet := worse(l.at(pb), theta)
				qb, qc, _ := project(pb, bet, b.share(), l)
				plain.win(k, b.Canary, bet, qc)
				plain.win(k, b.Stable, pb, qb)
			}
			got, want := fast.logE(6, limit), plain.e(cut)
			if math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
				t.Fatalf("seed %d, tick %d: ln E = %.12g, in big numbers %.12g", seed, tick, got, want)
			}
		}
	}
}

func TestTheSumOfPartsIsTheWhole(t *testing.T) {
	t.Parallel()
	r := newChance(3)
	whole, sum := New(errorRules(0.001)), New(errorRules(0.001))
	var a, b State
	for tick := range int64(500) {
		parts := [3]Pair{r.pair(30, 0.05, 0.01, 0.005), r.pair(5, 0.3, 0.01, 0.005), {}}
		var p Pair
		for _, part := range parts {
			p.add(part)
		}
		whole.Assess(&a, []Block{block(tick, Pair{
			Canary: Tally{N: parts[0].Canary.N + parts[1].Canary.N, Bad: parts[0].Canary.Bad + parts[1].Canary.Bad},
			Stable: Tally{N: parts[0].Stable.N + parts[1].Stable.N, Bad: parts[0].Stable.Bad + parts[1].Stable.Bad},
		})}, step1)
		sum.Assess(&b, []Block{block(tick, p)}, step1)
	}
	if d := cmp.Diff(a, b); d != "" {
		t.Errorf("evidence of the whole and of the sum differ: %s", d)
	}
}

// The block log is enough: the same blocks give the same evidence bit for bit, however many a look takes in, and over a restart.
func TestAReplayGivesTheSameBits(t *testing.T) {
	t.Parallel()
	rules := everyRule(false)
	var blocks []Block
	r := newChance(5)
	for tick := range int64(600) {
		b := block(tick, r.pair(60, 0.1, 0.01, 0.008))
		if tick%10 == 9 {
			b.Latency = r.latencies(60, 540, 1.2)
		}
		if tick > 300 {
			b.Weight, b.Step = 2500, 2
		}
		blocks = append(blocks, b)
	}
	var once State
	New(rules).Assess(&once, blocks, step1)
	var again State
	for i := range blocks {
		a := New(rules) // a restart after every block
		a.Assess(&again, blocks[i:i+1], step1)
		text, err := json.Marshal(&again)
		if err != nil {
			t.Fatal(err)
		}
		again = State{}
		if err = json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(once, again); d != "" {
		t.Errorf("a replay differs: %s", d)
	}
}
