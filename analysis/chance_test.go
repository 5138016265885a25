package analysis

import (
	"encoding/json"
	"math"
	"math/rand/v2"
)

// chance draws what the tests' traffic is made of. The seed is fixed, so a failure comes again.
type chance struct{ *rand.Rand }

func newChance(seed uint64) chance { return chance{rand.New(rand.NewPCG(seed, 42))} }

func (r chance) poisson(mean float64) uint64 {
	limit, n, p := math.Exp(-mean), uint64(0), r.Float64()
	for p > limit {
		n++
		p *= r.Float64()
	}
	return n
}

// binomial skips from success to success.
func (r chance) binomial(n uint64, p float64) (k uint64) {
	if p >= 1 {
		return n
	}
	for at := uint64(0); p > 0; k++ {
		skip := math.Log(1-r.Float64()) / math.Log1p(-p)
		if skip >= float64(n-at) {
			return k
		}
		if at += uint64(skip) + 1; at > n {
			return k
		}
	}
	return k
}

// trials are so many arrivals a tick in the mean, of which the share p is bad.
func (r chance) trials(mean, p float64) Tally {
	n := r.poisson(mean)
	return Tally{N: n, Bad: r.binomial(n, p)}
}

// pair splits that many arrivals by the share w.
func (r chance) pair(perTick, w, pc, pb float64) Pair {
	return Pair{Canary: r.trials(perTick*w, pc), Stable: r.trials(perTick*(1-w), pb)}
}

func errorRules(alpha float64) Rules {
	return Rules{
		Rules:      []Rule{{Check: Check{Name: "error-rate", Metric: ErrorRate}}},
		Confidence: 1 - alpha, BlastRadius: 0.001, Steps: 4, Duration: 2400e9,
	}
}

// block of the only step at 5 %.
func block(tick int64, p Pair) Block {
	return Block{Tick: tick, Weight: 500, Step: 1, Next: 2500, Drawn: p, Judged: p.Canary}
}

var step1 = Now{Step: 1, Next: 2500}

func stateEqual(a, b State) bool {
	x, errX := json.Marshal(&a)
	y, errY := json.Marshal(&b)
	return errX == nil && errY == nil && string(x) == string(y)
}
