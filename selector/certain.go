package selector

import (
	"sluice/identity"
	"sluice/metrics"
	"sluice/request"
)

// Certain is the choice that Pick makes whatever the key and the draw; false where they have a say. Its Cookie and Key are unset.
func (s *Selector) Certain(v request.View, u identity.User) (Choice, bool) {
	for i := range s.fixed.rules {
		r := &s.fixed.rules[i]
		backend, ok := s.target(r)
		if !ok || !r.takes(v, &u) || r.Percent == 0 {
			continue
		}
		if r.Percent < fullWeight {
			return Choice{}, false
		}
		c := Choice{Backend: backend, Reason: r.Reason, Cohort: metrics.Pinned}
		if !r.Measure {
			c.Cohort = metrics.Other
		}
		return c, true
	}
	backend, ok := s.split.whole()
	return Choice{Backend: backend, Reason: Weight, Cohort: metrics.Drawn}, ok
}

// whole is the backend that has all of the traffic, false when it is shared.
func (s *Split) whole() (backend int, ok bool) {
	for _, f := range s.Further {
		if f.Weight > 0 {
			return f.Backend, f.Weight >= fullWeight
		}
	}
	switch {
	case s.Canary < 0 || s.CanaryWeight == 0:
		return s.Stable, true
	case s.CanaryWeight >= s.PairWeight:
		return s.Canary, true
	}
	return 0, false
}
