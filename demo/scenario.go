// Package demo is the demonstration: two small backends, a load, and a narrator that tells what the proxy does with them.
//
// It starts no proxy and knows none: the caller starts one from Config in front of StartBackends, and hands Run a way to read it.
// Start at Run (run.go); a scenario (scenario.go) says how the canary behaves and how the rollout has to end.
package demo

import (
	"fmt"
	"strings"
	"time"

	"sluice/rollout"
)

// Scenario is how the canary of a demonstration behaves; stable is always healthy.
type Scenario string

// The scenarios.
const (
	Good       Scenario = "good"        // as healthy as stable
	Errors     Scenario = "errors"      // healthy for five seconds, then three answers of ten are 500s
	Slow       Scenario = "slow"        // answers right, but far over the latency limit
	Flaky      Scenario = "flaky"       // bursts of errors that come and go
	LowTraffic Scenario = "low-traffic" // healthy, but with few requests to show it
)

// Scenarios are all of them, in the order in which help shows them.
func Scenarios() []Scenario { return []Scenario{Good, Errors, Slow, Flaky, LowTraffic} }

// ParseScenario is the scenario of that name. The error lists the names.
func ParseScenario(name string) (Scenario, error) {
	var names []string
	for _, s := range Scenarios() {
		if string(s) == name {
			return s, nil
		}
		names = append(names, string(s))
	}
	return "", fmt.Errorf("there is no scenario %q: take one of %s", name, strings.Join(names, ", "))
}

// Wants is how a rollout under this scenario ends when the proxy judges rightly.
func (s Scenario) Wants() rollout.Outcome {
	switch s {
	case Errors, Slow, Flaky:
		return rollout.RolledBack
	default:
		return rollout.Promoted
	}
}

// rate is the load in requests a second.
func (s Scenario) rate() float64 {
	if s == LowTraffic {
		return 80
	}
	return 800
}

// users is how many people the load is made of. A sticky route is judged by users, so there have to be many: nearly every request is of
// somebody new, as at a shop.
func (s Scenario) users() int { return 20_000 }

// minRequests is the least number of canary requests at each step.
func (s Scenario) minRequests() int {
	if s == LowTraffic {
		return 20
	}
	return 100
}

// behaviour is how a backend answers a request that comes age after its first one. n counts its requests from 0; the draws are uniform
// on [0, 1).
type behaviour func(age time.Duration, n uint64, draw [2]float64) reply

// reply is what a backend does with one request.
type reply struct {
	after time.Duration
	fails bool
}

// stableBehaviour is a healthy service: a few milliseconds, and one error in a thousand. The errors are spaced, not drawn, so that no
// two fall on the same few requests and the outcome of a demonstration is no matter of luck.
func stableBehaviour(_ time.Duration, n uint64, draw [2]float64) reply {
	return reply{after: 3*time.Millisecond + jitter(4*time.Millisecond, draw[0]), fails: n%1009 == 1008}
}

func (s Scenario) canaryBehaviour() behaviour {
	return func(age time.Duration, n uint64, draw [2]float64) reply {
		r := stableBehaviour(age, n, draw)
		switch s {
		case Errors:
			r.fails = r.fails || age > 5*time.Second && draw[1] < 0.3
		case Slow:
			r.after += 400*time.Millisecond + jitter(100*time.Millisecond, draw[1])
		case Flaky:
			const period, burst = 3 * time.Second, 500 * time.Millisecond
			r.fails = r.fails || age%period > period-burst && draw[1] < 0.6
		}
		return r
	}
}

func jitter(most time.Duration, draw float64) time.Duration {
	return time.Duration(float64(most) * draw)
}
