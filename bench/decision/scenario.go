package decision

import (
	"fmt"
	"math"
	"time"
)

// Scenario is how the two versions behave under a load.
type Scenario struct {
	Name string
	// Rate is the requests a second.
	Rate float64
	// Worse says that the canary is worse than any margin allows: to promote it is a mistake, to roll it back is none.
	Worse bool
	// From is when the canary becomes worse, in seconds after the start.
	From float64
	// Error is the probability that a request fails, t seconds after the start.
	Error func(canary bool, t float64) float64
	// Latency of a request that does not fail, nil: none is looked at. Its argument is a standard normal number.
	Latency func(canary bool, t, normal, uniform float64) time.Duration
	// Share is the canary's real share of the traffic at a weight, nil: the weight.
	Share func(weight float64) float64
	// Users are so many that come back, 0: every request is a new user's. They stick to their side. UserError is a user's own probability
	// that a request fails, from a number in [0, 1) that is the user's.
	Users     int
	UserError func(canary bool, luck float64) float64
	// Convert is the probability that a request's user converts, in the end; nil: nobody is asked.
	Convert func(canary bool) float64
	// Pods that the versions run on, nil: they make no difference.
	Pods *Pods
	// Pinned keeps the canary at the first step's weight; the run ends after Duration.
	Pinned   bool
	Duration time.Duration
	// StableRate and CanaryRate are the error rates that the bound and the oracle know; Slower is the factor of all of the canary's latencies.
	StableRate, CanaryRate float64
	Slower                 float64
}

// steady are error rates that do not change.
func steady(pb, pc float64) func(bool, float64) float64 {
	return func(canary bool, _ float64) float64 {
		if canary {
			return pc
		}
		return pb
	}
}

func percent(p float64) string { return fmt.Sprintf("%.3g%%", 100*p) }

// healthy is a canary as good as stable.
func healthy(rate, p float64) Scenario {
	return Scenario{
		Name: fmt.Sprintf("S1 healthy %s, %g/s", percent(p), rate), Rate: rate, Error: steady(p, p), StableRate: p, CanaryRate: p,
		Duration: 2 * time.Hour,
	}
}

// errorsRise is a canary that fails more from the start.
func errorsRise(rate, pb, pc float64) Scenario {
	return Scenario{
		Name: fmt.Sprintf("S2 errors %s>%s, %g/s", percent(pb), percent(pc), rate), Rate: rate, Worse: true, Error: steady(pb, pc),
		StableRate: pb, CanaryRate: pc, Duration: 2 * time.Hour,
	}
}

// sigma of the lognormal latencies.
const sigma = 0.5

// slower is a canary whose requests take longer: a share of them, by a factor. Latencies are lognormal, the median is 50 ms and p99 is 160 ms.
func slower(rate, factor, part float64) Scenario {
	name := fmt.Sprintf("S3 latency x%g, %g/s", factor, rate)
	if part < 1 {
		name = fmt.Sprintf("S3 latency x%g of %s, %g/s", factor, percent(part), rate)
	}
	all := factor
	if part < 1 {
		all = 0 // no shift of the whole: no bound
	}
	return Scenario{
		Name: name, Rate: rate, Worse: true, Error: steady(0.001, 0.001), StableRate: 0.001, CanaryRate: 0.001, Slower: all, Pinned: true,
		Latency: func(canary bool, _, normal, uniform float64) time.Duration {
			d := 50e6 * math.Exp(sigma*normal)
			if canary && uniform < part {
				d *= factor
			}
			return time.Duration(d)
		},
		Duration: 10 * time.Minute,
	}
}

// late is a canary that breaks after a while at the first step.
func late(rate, after, pb, pc float64) Scenario {
	return Scenario{
		Name: fmt.Sprintf("S4 errors %s>%s after %gs, %g/s", percent(pb), percent(pc), after, rate), Rate: rate, Worse: true, From: after, Pinned: true,
		Error: func(canary bool, t float64) float64 {
			if canary && t >= after {
				return pc
			}
			return pb
		},
		StableRate: pb, CanaryRate: pc, Duration: time.Duration(after)*time.Second + 20*time.Minute,
	}
}

// shared is what hits both sides: an outage of 30 s, or a tide that comes in.
func shared(rate float64, name string, p func(t float64) float64) Scenario {
	return Scenario{
		Name: fmt.Sprintf("S5 %s, %g/s", name, rate), Rate: rate, Error: func(_ bool, t float64) float64 { return p(t) },
		StableRate: 0.001, CanaryRate: 0.001, Pinned: true, Duration: 5 * time.Minute,
	}
}

func outage(t float64) float64 {
	if t >= 60 && t < 90 {
		return 0.3
	}
	return 0.001
}

func tide(t float64) float64 { return 0.001 + 0.007*min(t/200, 1) }

// clustered are users who come back and have their own troubles, the same on both sides.
func clustered(rate float64, name string, of func(luck float64) float64) Scenario {
	mean := 0.0
	for i := range 10000 {
		mean += of((float64(i)+0.5)/10000) / 10000
	}
	return Scenario{
		Name: fmt.Sprintf("S6 %s, %g/s", name, rate), Rate: rate, Users: int(10 * rate), Pinned: true,
		UserError: func(_ bool, luck float64) float64 { return of(luck) }, StableRate: mean, CanaryRate: mean, Duration: 5 * time.Minute,
	}
}

func always(luck float64) float64 {
	if luck < 0.01 {
		return 1
	}
	return 0.0002
}

func logUniform(luck float64) float64 { return math.Exp(-9 * luck) } // 1 to 0.01 %

// stickyWorse is a canary that fails more for users who come back.
func stickyWorse(rate, pb, pc float64) Scenario {
	return Scenario{
		Name: fmt.Sprintf("S6 sticky errors %s>%s, %g/s", percent(pb), percent(pc), rate), Rate: rate, Users: int(10 * rate), Worse: true, Pinned: true,
		UserError:  func(canary bool, _ float64) float64 { return steady(pb, pc)(canary, 0) },
		StableRate: pb, CanaryRate: pc, Duration: 20 * time.Minute,
	}
}

// lessShare is a canary that gets a fifth of its weight.
func lessShare(rate float64) Scenario {
	s := healthy(rate, 0.01)
	s.Name, s.Pinned, s.Duration = fmt.Sprintf("S8 share 1%% of 5%%, %g/s", rate), true, 5*time.Minute
	s.Share = func(w float64) float64 { return w / 5 }
	return s
}

// slowSuccess: failures end at once, successes take 8 s.
func slowSuccess(rate float64) Scenario {
	s := healthy(rate, 0.005)
	s.Name, s.Pinned, s.Duration = fmt.Sprintf("S8 successes take 8s, %g/s", rate), true, 5*time.Minute
	s.Latency = func(bool, float64, float64, float64) time.Duration { return 8 * time.Second }
	return s
}

// lowTraffic is one request in ten seconds.
func lowTraffic() Scenario {
	s := healthy(0.1, 0.001)
	s.Name, s.Duration = "S9 low traffic, 0.1/s", time.Hour
	return s
}

// fewerConvert: each request is a visit of another user, and the canary loses a part of the conversions.
func fewerConvert(rate, lost float64) Scenario {
	s := healthy(rate, 0.001)
	s.Name, s.Pinned, s.Duration = fmt.Sprintf("S10 conversion 10%% less %s, %g visits/s", percent(lost), rate), true, time.Hour
	s.Convert = func(canary bool) float64 {
		if canary {
			return 0.1 * (1 - lost)
		}
		return 0.1
	}
	return s
}

// onePath: everything fails on one path that has 1 % of the traffic, and nothing else.
func onePath(rate float64) Scenario {
	s := errorsRise(rate, 0.001, 0.99*0.001+0.01)
	s.Name = fmt.Sprintf("S13 one path of 1%% fails, %g/s", rate)
	return s
}

// oneTenant: everything fails for 1 % of the users, who come back.
func oneTenant(rate float64, users int) Scenario {
	s := stickyWorse(rate, 0.001, 0.99*0.001+0.01)
	s.Name, s.Users = fmt.Sprintf("S13 sticky, 1%% of %d users fail, %g/s", users, rate), users
	s.UserError = func(canary bool, luck float64) float64 {
		if canary && luck < 0.01 {
			return 1
		}
		return 0.001
	}
	return s
}

// better is a canary that mends what stable does.
func better(rate float64) Scenario {
	s := healthy(rate, 0.01)
	s.Name, s.Error, s.CanaryRate = fmt.Sprintf("S11 better 1%%>0.1%%, %g/s", rate), steady(0.01, 0.001), 0.001
	return s
}

// stableBroken is stable over the usual limits, and a canary that is the same.
func stableBroken(rate float64) Scenario {
	s := healthy(rate, 0.015)
	s.Name = fmt.Sprintf("S12 stable already fails 1.5%%, %g/s", rate)
	return s
}

// Scenarios is the whole list.
func Scenarios() []Scenario {
	var all []Scenario
	for _, p := range []float64{0.0001, 0.001, 0.01, 0.05} {
		all = append(all, healthy(1000, p))
	}
	all = append(all, healthy(5, 0.001), healthy(100, 0.001), healthy(10_000, 0.001))
	for _, e := range [][2]float64{{0.001, 0.005}, {0.001, 0.01}, {0.001, 0.05}, {0.001, 1}, {0.01, 0.02}, {0.01, 0.05}, {0.05, 0.1}} {
		all = append(all, errorsRise(1000, e[0], e[1]))
	}
	for _, e := range [][2]float64{{0.001, 0.01}, {0.001, 0.05}, {0.001, 1}} {
		all = append(all, errorsRise(5, e[0], e[1]), errorsRise(100, e[0], e[1]), errorsRise(10_000, e[0], e[1]))
	}
	return append(
		all,
		slower(1000, 1.1, 1), slower(1000, 1.5, 1), slower(1000, 2, 1), slower(1000, 10, 0.02),
		late(1000, 120, 0.001, 0.05), late(1000, 1800, 0.001, 0.05), late(1000, 1800, 0.001, 0.01),
		shared(1000, "outage", outage), shared(1000, "tide", tide),
		clustered(100, "users that always fail", always), clustered(100, "users of all kinds", logUniform),
		stickyWorse(1000, 0.001, 0.01), stickyWorse(1000, 0.001, 0.05),
		unequalPods(1000, Pods{Spread: 0.1}), unequalPods(1000, Pods{Spread: 0.3}),
		unequalPods(1000, Pods{Blip: 200 * time.Millisecond, Every: 5 * time.Minute}),
		unequalPods(1000, Pods{Blip: time.Second, Every: 5 * time.Minute}),
		lessShare(1000), slowSuccess(200), lowTraffic(), fewerConvert(1000, 0.05), fewerConvert(1000, 0.2), better(1000), stableBroken(1000),
		onePath(1000), oneTenant(1000, 10_000), oneTenant(1000, 100_000),
	)
}
