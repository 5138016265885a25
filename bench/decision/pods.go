package decision

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Pods are equal copies, of which the canary has one and stable 19: equal but for luck.
type Pods struct {
	// Spread is the deviation of the logarithm of a pod's error rate, for the whole run.
	Spread float64
	// Blip is how long a pod at times answers nothing, and Every how often that happens to each in the mean.
	Blip, Every time.Duration
}

const stablePods = 19

// pods is a run of them.
type pods struct {
	p      *Pods
	r      *rand.Rand
	factor [2]float64              // stable, canary
	until  [stablePods + 1]float64 // seconds; the last is the canary's
}

func newPods(p *Pods, r *rand.Rand) *pods {
	one := func() float64 { return math.Exp(p.Spread * r.NormFloat64()) }
	w := &pods{p: p, r: r, factor: [2]float64{0, one()}}
	for range stablePods {
		w.factor[0] += one() / stablePods
	}
	return w
}

// apply makes two versions' error rates those of their pods at a moment.
func (w *pods) apply(t float64, errors *[2]float64) {
	down := 0.0
	for i := range w.until {
		if w.p.Blip > 0 && w.r.Float64() < tick.Seconds()/w.p.Every.Seconds() {
			w.until[i] = t + w.p.Blip.Seconds()
		}
		if i < stablePods && t < w.until[i] {
			down++
		}
	}
	down /= stablePods
	errors[0] = min(1, errors[0]*w.factor[0])*(1-down) + down
	if errors[1] = min(1, errors[1]*w.factor[1]); t < w.until[stablePods] {
		errors[1] = 1
	}
}

// unequalPods is a good canary on one pod.
func unequalPods(rate float64, p Pods) Scenario {
	s := healthy(rate, 0.01)
	s.Name, s.Pinned, s.Duration, s.Pods = fmt.Sprintf("S7 pods that differ by %g, %g/s", p.Spread, rate), true, 10*time.Minute, &p
	if p.Blip > 0 {
		s.Name = fmt.Sprintf("S7 pods with blips of %s, %g/s", p.Blip, rate)
		s.Error, s.StableRate, s.CanaryRate = steady(0.001, 0.001), 0.001, 0.001
	}
	return s
}
