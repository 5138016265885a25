// Package selector says which backend of a route a request goes to, and why: selection rules first, then the sticky
// draw, then a random one by weight.
//
// It is pure: no clock, no lock, no state, randomness comes in as an argument. It knows nothing of a backend's health
// (that never changes a draw) and does not plan weights; a new weight is a new Split. Start at Selector.Pick.
package selector

import (
	"slices"

	"sluice/identity"
	"sluice/metrics"
	"sluice/request"
)

// Config is what a selector keeps when the split changes.
type Config struct {
	// Route is the route's name; it salts the draw of the further backends and those of the rules.
	Route string
	// Rules are tried in order, the first that takes the request wins.
	Rules []Rule
	// Sticky sources are tried in order, the first that has a value gives the key; empty is a random draw per request.
	Sticky []StickyBy
}

// Share is a further backend's part of all traffic.
type Share struct {
	// Backend is its index in the route.
	Backend int
	// Weight in basis points: 10000 is everything.
	Weight uint32
}

// Split is how a route's traffic is divided at one moment. Weights are basis points.
type Split struct {
	// Stable and Canary are the indexes of the backends in the two roles; Canary is -1 when there is none.
	Stable, Canary int
	// CanaryWeight of PairWeight goes to the canary; PairWeight is what the further backends leave.
	CanaryWeight, PairWeight uint32
	// Further backends have fixed intervals of a draw of their own, in this order; together at most 10000.
	Further []Share
	// Salt of the draw between stable and canary: another salt is another set of users who see the canary first.
	Salt string
	// Trial says that a canary is on trial: otherwise rules that lead to it are not in force.
	Trial bool
	// Copies says that the canary gets copies of requests where those are for one on trial only.
	Copies bool
	// Step of the trial; a rule to the canary is in force from its FromStep on.
	Step int
}

// Draw is fresh randomness of one request, from a source that clients can't predict.
type Draw struct{ Hi, Lo uint64 }

// Choice is where a request goes.
type Choice struct {
	// Backend is the index in the route.
	Backend int
	// Reason is what decided.
	Reason Reason
	// Cohort to count the request in.
	Cohort metrics.Cohort
	// Cookie says what became of the sticky cookie.
	Cookie CookieState
	// Key is the hash of the sticky key, or fresh where there is none: what keeps a user on one endpoint.
	Key uint64
	// CookieMinted is when a kept cookie was minted, Unix seconds; 0 is unknown.
	CookieMinted int64
}

// Selector chooses backends for one route under one split. It never changes and is safe for concurrent use.
type Selector struct {
	fixed    *fixed
	split    Split
	pairSalt uint64
	mimics   uint32 // from this point of the pair's draw on stable's requests play the canary
}

// fixed is what selectors of one route share, whatever the split.
type fixed struct {
	rules       []rule
	sticky      []StickyBy
	mint        bool // one of sticky is a cookie
	asks        bool // who the user is
	asksKey     bool // by a key that anyone can write
	furtherSalt uint64
}

// New makes a selector. It keeps copies of the lists, not of what rules point to.
func New(c Config, s Split) *Selector {
	f := &fixed{
		sticky:      slices.Clone(c.Sticky),
		furtherSalt: saltOf("further", c.Route),
		mint:        slices.ContainsFunc(c.Sticky, func(s StickyBy) bool { return s.Kind == ByCookie }),
	}
	f.asks = slices.ContainsFunc(c.Sticky, func(s StickyBy) bool { return s.Kind == ByIdentity })
	f.asksKey = f.asks
	for i, r := range c.Rules {
		f.asks = f.asks || r.asks()
		f.asksKey = f.asksKey || r.Percent < fullWeight
		f.rules = append(f.rules, newRule(c.Route, i, r))
	}
	return (&Selector{fixed: f}).WithSplit(s)
}

// WithSplit is the selector under another split; rules and sticky sources are shared with s.
func (s *Selector) WithSplit(split Split) *Selector {
	split.Further = slices.Clone(split.Further)
	return &Selector{fixed: s.fixed, split: split, pairSalt: saltOf("pair", split.Salt), mimics: split.mimics()}
}

// quietShare of stable's requests play the canary where there is no weight to play after, in basis points.
const quietShare = 500

// mimics is where the interval of stable's requests that play the canary begins, at the upper end of the draw: as large a part of stable's as
// the canary's is of all, so that the judge can be tried on two sides that are the same. Where there is no second role there is nothing to try.
func (s *Split) mimics() uint32 {
	if s.Canary < 0 || s.PairWeight == 0 {
		return s.PairWeight
	}
	part, stable := uint64(quietShare)*uint64(s.PairWeight)/fullWeight, uint64(s.PairWeight-min(s.CanaryWeight, s.PairWeight))
	if s.CanaryWeight > 0 {
		part = uint64(s.CanaryWeight)
	}
	return s.PairWeight - uint32(stable*part/uint64(s.PairWeight))
}

// Split is the split in force. Its list must not be written to.
func (s *Selector) Split() Split { return s.split }

// Sticky are the sources of the sticky key, in order. The list must not be written to.
func (s *Selector) Sticky() []StickyBy { return s.fixed.sticky }

// AsksUser says whether a choice depends on who the user is; else the zero User does.
func (s *Selector) AsksUser() bool { return s.fixed.asks }

// AsksKey says whether it depends on the user's key too, and not only on what trusted sources say.
func (s *Selector) AsksKey() bool { return s.fixed.asksKey }

// Pick chooses the backend for a request of user u. The same key, split and configuration give the same backend in
// every process. It allocates nothing.
func (s *Selector) Pick(v request.View, u identity.User, d Draw) Choice {
	k := s.fixed.key(v, &u, d)
	choice := Choice{Cookie: k.cookie, CookieMinted: k.minted, Key: k.hash}
	for i := range s.fixed.rules {
		r := &s.fixed.rules[i]
		backend, ok := s.target(r)
		if !ok || !r.takes(v, &u) || !below(r.percentDraw(k, &u), fullWeight, r.Percent) {
			continue
		}
		choice.Backend, choice.Reason, choice.Cohort = backend, r.Reason, metrics.Pinned
		if !r.Measure {
			choice.Cohort = metrics.Other
		}
		return choice
	}
	choice.Backend, choice.Cohort = s.draw(k)
	choice.Reason = Weight
	if k.sticky {
		choice.Reason = Sticky
	}
	return choice
}

// target is the backend a rule leads to now; false when the rule is not in force.
func (s *Selector) target(r *rule) (backend int, ok bool) {
	switch r.To {
	case ToStable:
		return s.split.Stable, true
	case ToCanary:
		return s.split.Canary, s.split.Canary >= 0 && s.split.Trial && s.split.Step >= r.FromStep
	default:
		return int(r.To), true
	}
}

// draw divides the keys: first the further backends' fixed intervals, then stable or canary among the rest. The two
// draws have salts of their own also where both come from the route's name; with one and the same draw the rest
// would be the upper part of it, and the canary's interval at its lower end would be empty.
func (s *Selector) draw(k key) (backend int, c metrics.Cohort) {
	if len(s.split.Further) > 0 {
		u := mix(k.hash ^ s.fixed.furtherSalt)
		var end uint32
		for _, f := range s.split.Further {
			end += f.Weight
			if below(u, fullWeight, end) {
				return f.Backend, metrics.Drawn
			}
		}
	}
	// The canary has the interval that begins at 0: growing it takes keys from stable alone, and at 0 all are back.
	if s.split.Canary < 0 {
		return s.split.Stable, metrics.Drawn
	}
	switch u := mix(k.second ^ s.pairSalt); {
	case below(u, s.split.PairWeight, s.split.CanaryWeight):
		return s.split.Canary, metrics.Drawn
	case below(u, s.split.PairWeight, s.mimics):
		return s.split.Stable, metrics.Drawn
	default:
		return s.split.Stable, metrics.Mimic
	}
}
