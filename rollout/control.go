package rollout

import (
	"slices"

	"sluice/analysis"
	"sluice/metrics"
)

// control tries the judge on stable alone, of whose requests a part plays the canary (selector): a rollback here would have been a false one.
type control struct {
	run  *analysis.Control
	from int64 // the first block under the present shares
	// weight that is played.
	weight  uint16
	told    bool // that the evidence is alarming
	block   [1]analysis.Block
	users   metrics.Users
	latency analysis.Latencies
	seconds [2]metrics.Window
}

// quietWeight is played where no canary has traffic.
const quietWeight = 500

// alarming evidence of a day without a canary says that the judge's assumptions do not hold for the route's traffic.
const alarming = 20

// begin runs under rules, from nothing.
func (c *control) begin(r analysis.Rules) {
	r.Rules = slices.Clone(r.Rules)
	r.BlastRadius, r.Warmup = 0, 0 // nothing is to be proven
	c.run = analysis.NewControl(r)
}

// move is a change of shares: blocks that began before it are left out.

func (c *control) move(share Weight, at metrics.Instant) {
	c.from, c.weight = at.NextBlock(), quietWeight
	if share > 0 {
		c.weight = uint16(share)
	}
}

// add takes in block n of stable's requests.
func (c *control) add(stable *metrics.Meter, n int64, endsSecond bool) {
	if c.run == nil || stable == nil || n < c.from {
		return
	}
	mimics, rest := stable.Mimics(n)
	b := c.fresh(n)
	b.Drawn = analysis.Pair{Canary: analysis.TallyOf(mimics), Stable: analysis.TallyOf(rest)}
	b.Judged = b.Drawn.Canary
	if endsSecond && n-blocksInSecond+1 >= c.from {
		stable.MimicsSecond(n, &c.seconds[0], &c.seconds[1])
		c.latency.Count(&c.seconds[0], &c.seconds[1])
		b.Latency = &c.latency
	}
	c.run.Add(c.block[:])
}

// addUsers takes in block n of a sticky route, where users play.
func (c *control) addUsers(keys *metrics.Keys, u *metrics.Users, visits *closed, n int64, endsSecond bool) {
	if c.run == nil || n < c.from {
		return
	}
	mimics, rest := keys.Firsts(metrics.StableSide).Mimics(n)
	b := c.fresh(n)
	b.Firsts = analysis.Pair{Canary: analysis.TallyOf(mimics), Stable: analysis.TallyOf(rest)}
	b.Drawn, b.Judged = b.Firsts, b.Firsts.Canary
	if endsSecond && n-blocksInSecond+1 >= c.from {
		keys.MimicFirsts().Second(n, &c.seconds[0])
		keys.Firsts(metrics.StableSide).Second(n, &c.seconds[1])
		c.latency.CountFirsts(&c.seconds[0], &c.seconds[1])
		b.Latency = &c.latency
	}
	u.Control(&c.users)
	b.Users = &c.users
	b.Visits, b.VisitsWeight = visits.pair, visits.weight
	c.run.Add(c.block[:])
}

const blocksInSecond = 2 * blocksInHalf

func (c *control) fresh(n int64) *analysis.Block {
	c.block[0] = analysis.Block{Tick: n, Weight: c.weight, Step: 1}
	return &c.block[0]
}

// most is the largest evidence of the last 24 hours, 0 before there is any.
func (c *control) most() float64 {
	if c.run == nil {
		return 0
	}
	return c.run.Max()
}
