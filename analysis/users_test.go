package analysis

import (
	"math"
	"testing"
	"time"

	"sluice/metrics"
)

// crowd is the users of a sticky route, each on one side for good, and what a table of keys would say of them.
type crowd struct {
	chance
	canary []bool
	bad    []float64 // each user's chance that a request fails
	class  []uint8
	seen   []int64 // epoch
	first  []int64 // component of the first request
	open   int
	epoch  int64
	users  metrics.Users
	firsts Pair
	all    Pair
}

func newCrowd(r chance, n int, w float64, bad func(canary bool) float64) *crowd {
	c := &crowd{chance: r, open: 1, epoch: 1}
	for range n {
		canary := r.Float64() < w
		c.canary = append(c.canary, canary)
		c.bad = append(c.bad, bad(canary))
	}
	c.class, c.seen, c.first = make([]uint8, n), make([]int64, n), make([]int64, n)
	return c
}

func side[T any](canary bool, c, s *T) *T {
	if canary {
		return c
	}
	return s
}

// tick is 100 ms in which so many requests arrive, each of a random user.
func (c *crowd) tick(requests float64) {
	c.users.Failed, c.firsts, c.all, c.users.Open = [metrics.MaxComponents + 1]metrics.Sides{}, Pair{}, Pair{}, c.open
	for range c.poisson(requests) {
		c.request(c.IntN(len(c.canary)))
	}
}

func (c *crowd) request(i int) {
	failed := c.Float64() < c.bad[i]
	t := Tally{N: 1}
	if failed {
		t.Bad = 1
	}
	side(c.canary[i], &c.all.Canary, &c.all.Stable).add(t)
	at := func(s *[metrics.MaxComponents + 1]metrics.Sides, class uint8) *uint64 {
		return side(c.canary[i], &s[class].Canary, &s[class].Stable)
	}
	if c.seen[i] != c.epoch {
		c.seen[i] = c.epoch
		*at(&c.users.Risk, c.class[i])++
		side(c.canary[i], &c.firsts.Canary, &c.firsts.Stable).add(t)
	}
	if failed && int(c.class[i]) < c.open {
		*at(&c.users.Failed, c.class[i])++
		*at(&c.users.Risk, uint8(c.open))++ // it leaves the others when the block has been looked at
		c.class[i] = uint8(c.open)
	}
}

// moved takes those that failed out of the classes in which they were.
func (c *crowd) moved() {
	for j := range c.users.Failed {
		c.users.Risk[j].Canary -= c.users.Failed[j].Canary
		c.users.Risk[j].Stable -= c.users.Failed[j].Stable
	}
}

func (c *crowd) newEpoch() {
	c.epoch++
	c.users.Risk = [metrics.MaxComponents + 1]metrics.Sides{}
}

// strict rules have no margin, so that no luck is swallowed by it.
func strict(sticky bool) Rules {
	r := errorRules(attackAlpha)
	r.Sticky, r.Rules[0].MaxRatio = sticky, 1
	return r
}

// race runs a crowd for so many seconds against the rule in force and against one of counts.
func (c *crowd) race(seconds int64, requests float64, other func(*crowd) Pair) (ours, most float64) {
	g := newAgainst(strict(true))
	o := newAgainst(strict(false))
	for tick := range seconds * 10 {
		c.tick(requests)
		if tick > 0 && tick%600 == 0 {
			c.newEpoch()
		}
		b := block(tick, c.all)
		b.Firsts, b.Users = c.firsts, &c.users
		g.take(b)
		if other != nil {
			p := other(c)
			o.take(block(tick, p))
			g.other(o.ours)
		}
		c.moved()
	}
	return g.ours, g.most
}

// One user in fifty always fails, whichever version it gets: on a sticky route each of them is one coin, tossed once.
func TestUsersThatAlwaysFailAreOneTrialEach(t *testing.T) {
	t.Parallel()
	attack{runs: 30, run: func(r chance) (float64, float64) {
		c := newCrowd(r, 2000, 0.05, func(bool) float64 {
			if r.Float64() < 0.02 {
				return 1
			}
			return 0
		})
		return c.race(120, 60, func(c *crowd) Pair { return c.all })
	}}.check(t)
}

// One trial per user and minute still tosses a bad user's coin once a minute.
func TestUsersThatFailForLongAreNotNewTrialsEveryMinute(t *testing.T) {
	t.Parallel()
	attack{runs: 30, run: func(r chance) (float64, float64) {
		c := newCrowd(r, 300, 0.05, func(bool) float64 {
			if r.Float64() < 0.05 {
				return 1
			}
			return 0
		})
		return c.race(900, 5, func(c *crowd) Pair { return c.firsts })
	}}.check(t)
}

// Hazards that cross: stable's frail users fail at once and are out, the canary's fail less, but later, when they are compared with the
// strong ones that stable has left.
func TestABetterCanaryIsNotBlamedForWhoIsLeft(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		r := newChance(seed)
		c := newCrowd(r, 6000, 0.3, func(canary bool) float64 {
			frail := r.Float64() < 0.3
			switch {
			case frail && canary:
				return 0.006
			case frail:
				return 0.08
			default:
				return 0.0001
			}
		})
		if e, _ := c.race(400, 200, nil); e >= -math.Log(attackAlpha) {
			t.Errorf("seed %d: evidence exp(%g) against a better canary", seed, e)
		}
	}
}

func TestAComponentThatIsBehindDoesNotCount(t *testing.T) {
	t.Parallel()
	r := Rank{Components: []Component{{W: newProcess(0), Score: 1}, {W: newProcess(0), Score: -1}}}
	for j := range r.Components {
		w := &r.Components[j].W
		for k := range errorOdds.theta {
			w.Raw[k], w.Start[k] = 3, 3
		}
	}
	if got, want := r.logE(1), 3+math.Log(6); math.Abs(got-want) > 1e-12 {
		t.Errorf("ln E = %g, want %g: of the first component alone", got, want)
	}
}

// On a sticky route a user's own speed is in all of its requests.
func TestASlowUserIsOneSlowUser(t *testing.T) {
	t.Parallel()
	rules := Rules{Rules: []Rule{{Check: Check{Name: "latency", Metric: Latency}}}, Steps: 4, Duration: 40 * time.Minute}
	attack{runs: 20, run: func(r chance) (float64, float64) {
		const users = 100
		c := newCrowd(r, users, 0.1, func(bool) float64 { return 0 })
		speed := make([]float64, users)
		for i := range speed {
			speed[i] = math.Exp(r.NormFloat64())
		}
		ours, other := newAgainst(rules), newAgainst(rules)
		known := make([]bool, users)
		for tick := int64(9); tick < 600; tick += 10 {
			var first, all Latencies
			for range r.poisson(200) {
				i := r.IntN(users)
				d := r.lognormal(speed[i])
				side(c.canary[i], &all.Canary, &all.Stable).Good.Record(d, 1)
				if !known[i] {
					known[i] = true
					side(c.canary[i], &first.Canary, &first.Stable).Good.Record(d, 1)
				}
			}
			a, b := block(tick, Pair{}), block(tick, Pair{})
			a.Latency, b.Latency = &first, &all
			ours.take(a)
			other.take(b)
		}
		return ours.ours, other.ours
	}}.check(t)
}

func TestAWorseCanaryIsFoundByItsUsers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		r := newChance(seed)
		c := newCrowd(r, 20000, 0.05, func(canary bool) float64 {
			if canary {
				return 0.05
			}
			return 0.001
		})
		if e, _ := c.race(60, 100, nil); e < -math.Log(attackAlpha) {
			t.Errorf("seed %d: evidence exp(%g) after a minute at 0.1 against 5 %%", seed, e)
		}
	}
}
