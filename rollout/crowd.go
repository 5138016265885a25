package rollout

import (
	"time"

	"sluice/analysis"
	"sluice/metrics"
)

// crowd is the users of a sticky route in an attempt: a user is one trial, however many requests it sends.
type crowd struct {
	keys    *metrics.Keys
	opened  metrics.Instant // when the newest component was opened
	epoch   metrics.Instant // when the epoch began
	open    int
	known   bool // an epoch has ended: users come again
	reader  metrics.UsersReader
	pending []metrics.Users // read and in no block yet, the oldest first
}

const (
	// crowdSize is how many users the table is made for: 16 bytes each.
	crowdSize = 1 << 18
	// epochTime is how long a user is one that was there, componentTime after how long everybody may fail anew.
	epochTime     = time.Minute
	componentTime = 10 * time.Minute
)

func tell(users func(*metrics.Keys), k *metrics.Keys) {
	if users != nil {
		users(k)
	}
}

// begin counts an attempt's users, in an empty table.
func (c *crowd) begin(users func(*metrics.Keys), at metrics.Instant) {
	*c = crowd{keys: metrics.NewKeys(crowdSize), opened: at, epoch: at, open: 1}
	tell(users, c.keys)
}

func (c *crowd) end(users func(*metrics.Keys)) {
	if c.keys != nil {
		*c = crowd{}
		tell(users, nil)
	}
}

// patience is from when on a request has failed that has not ended: when its block, which is older than its end by up to a block's length, has
// been judged.
func (c *crowd) patience(d time.Duration) {
	if c.keys != nil && d > 0 {
		c.keys.Patience(d + 100*time.Millisecond)
	}
}

// moved is a change of weight: users may be on the other side now.
func (c *crowd) moved(at metrics.Instant) {
	if c.keys == nil {
		return
	}
	c.anew(at, true)
	c.component(at)
}

// turn begins epochs and components by the clock.
func (c *crowd) turn(at metrics.Instant) {
	if c.keys == nil {
		return
	}
	if at.Sub(c.epoch) >= epochTime {
		c.anew(at, false)
	}
	if at.Sub(c.opened) >= componentTime {
		c.component(at)
	}
}

func (c *crowd) component(at metrics.Instant) {
	c.open, c.opened = c.open+1, at
	c.keys.Open(c.open)
}

// anew begins an epoch. What became of users in the one before goes to the next blocks.
func (c *crowd) anew(at metrics.Instant, moved bool) {
	var u metrics.Users
	c.reader.Read(c.keys, &u)
	c.pending = append(c.pending, u)
	c.epoch, c.known = at, true
	c.keys.Epoch(moved)
}

// count fills in a block's users: what became of them since the block before.
func (c *crowd) count(b *analysis.Block, n int64) {
	canary, stable := c.keys.Firsts(metrics.CanarySide).Block(n), c.keys.Firsts(metrics.StableSide).Block(n)
	b.Firsts = analysis.Pair{Canary: analysis.TallyOf(canary[metrics.Drawn]), Stable: analysis.TallyOf(stable[metrics.Drawn])}
	if len(c.pending) > 0 {
		*b.Users = c.pending[0]
		c.pending = c.pending[1:]
		return
	}
	c.reader.Read(c.keys, b.Users)
}
