package analysis

import (
	"math"
	"time"

	"sluice/metrics"
)

const (
	// badBucket is above all latencies: failed, or not finished when its block was judged. So a canary that hangs is slow.
	badBucket  = metrics.NumBuckets
	numLadder  = metrics.NumBuckets + 1
	retable    = 10 // seconds between two looks at the model
	leastModel = 20 // latencies that make a model
	spread     = 4  // buckets to either side that a latency says something about
)

// Order is the test that the canary's latency is at most a factor above stable's, in the sense of the whole distribution: a bet on which
// side a request of this latency came from, where the odds never fall with the latency.
type Order struct {
	W Process `json:"wealth"`
	// Learned are stable's latencies with the margin, up to now, Model what they were when the odds were last made.
	Learned ladder `json:"learned"`
	Model   ladder `json:"model"`
	At      int64  `json:"at"` // second of Model
	Fresh   int64  `json:"fresh"`
}

// Latencies are the requests of a second of arrivals, or of half a one. On sticky routes they are the first requests of each user.
type Latencies struct {
	Half           bool
	Canary, Stable Spread // drawn: they are compared
	Judged         Spread // the canary's drawn and pinned ones: for limits
}

// Spread is the latencies of what ended well, and the number of what failed or had not ended when the block was judged.
type Spread struct {
	Good metrics.Histogram
	Bad  uint64
	// Late are those of Bad that had not ended. They only show.
	Late uint64
}

// Enough says that they are worth a block of their own: as for trials, the observed share of a few requests is a poor guess. It looks at counts
// alone.
func (l *Latencies) Enough() bool {
	canary, stable := l.Canary.N(), l.Stable.N()
	return canary >= leastCanary && canary+stable >= leastBlock
}

func (l *Latencies) ticks() int64 {
	if l.Half {
		return ticksASecond / 2
	}
	return ticksASecond
}

// N is the number of requests.
func (s *Spread) N() uint64 { return s.Good.Count() + s.Bad }

// above counts those that took longer than the limit, or failed, as the bad ones.
func (s *Spread) above(limit time.Duration) Tally {
	return Tally{N: s.N(), Bad: s.Good.Above(limit) + s.Bad}
}

func (s *Spread) at(i int) uint64 {
	if i == badBucket {
		return s.Bad
	}
	return s.Good.Bucket(i)
}

// raised is where the latencies of a bucket go when each is longer by a factor: parts of it go to a few neighbours.
type raised struct {
	to   uint16
	part [8]float64
}

// raise makes the margin: stable's latencies times ratio. A bucket's latencies are taken to be spread evenly over it. So the margin is exact
// where they are, as they are for all smooth ones; and where they are not, it is wrong by less than a bucket (3.1 %): a canary that is no slower
// than stable is within it whatever the shape. Moving all of a bucket to where its longest latency goes would cost more: 5 % would mean up to
// 8 %, and five times the samples for a canary that is 10 % slower.
func raise(ratio float64) *[numLadder]raised {
	var all [numLadder]raised
	for i := range all {
		r := &all[i]
		r.to, r.part[0] = uint16(i), 1
		if ratio == 1 || i >= badBucket-1 {
			continue
		}
		from, to := lowerEdge(i)*ratio, upperEdge(i)*ratio
		r.to = uint16(bucketOf(duration(from)))
		for n := range r.part {
			j := min(int(r.to)+n, badBucket-1)
			r.part[n] = max(0, min(to, upperEdge(j))-max(from, lowerEdge(j))) / (to - from)
			if j == badBucket-1 {
				break
			}
		}
	}
	return &all
}

// spreadTo adds n latencies of bucket i to where they go.
func (t *odds) spreadTo(v []float64, i int, n float64) {
	r := &t.raised[i]
	for k, part := range r.part {
		if part > 0 {
			v[int(r.to)+k] += n * part
		}
	}
}

// bucketOf is the bucket of metrics.Histogram that holds d.
func bucketOf(d time.Duration) int {
	lo, hi := 0, badBucket-1
	for lo < hi {
		if mid := (lo + hi) / 2; metrics.BucketUpper(mid) > d {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// odds are an Order's bets, made from its model: for each alternative how many times likelier a latency is on the canary.
type odds struct {
	raised   *[numLadder]raised
	of       *Order // whose they are, and from which second
	at       int64
	rho, log [maxAlternatives][numLadder]float64
}

// look bets on one second of arrivals, then learns from it.
func (o *Order) look(l *Latencies, t *odds, second int64) {
	if o.ready(t, second) {
		o.bet(l, t)
	}
	o.learn(&l.Stable, t, second)
}

// learn adds stable's latencies of a second, with the margin. It comes after the bets.
func (o *Order) learn(stable *Spread, t *odds, second int64) {
	if gap := second - o.Fresh; gap > 0 {
		o.Learned.scale(math.Exp2(-float64(min(gap, 100*halfLife)) / halfLife))
		o.Fresh = second
	}
	for i := range numLadder {
		if n := stable.at(i); n > 0 {
			o.Learned = o.Learned.made()
			t.spreadTo(o.Learned, i, float64(n))
		}
	}
}

// ready makes the odds for the second, from what came before it.
func (o *Order) ready(t *odds, second int64) bool {
	if len(o.Model) == 0 || second-o.At >= retable {
		if o.Learned.sum() < leastModel {
			return false
		}
		o.Model, o.At = append(o.Model[:0], o.Learned...), second
	}
	if t.of != o || t.at != o.At {
		t.make(o.Model)
		t.of, t.at = o, o.At
	}
	return true
}

// bet looks at one second of arrivals. The logarithm of w rho + 1 - w is taken at the second's own share: a table made at 5 % loses every
// healthy canary whose real share is 1 %.
func (o *Order) bet(l *Latencies, t *odds) {
	nc, nb := l.Canary.N(), l.Stable.N()
	if nc == 0 || nb == 0 {
		return
	}
	w := float64(nc) / float64(nc+nb)
	var stable [numLadder]float64
	for i := range numLadder {
		if n := l.Stable.at(i); n > 0 {
			t.spreadTo(stable[:], i, float64(n))
		}
	}
	var won [maxAlternatives]float64
	for i := range numLadder {
		c, b := float64(l.Canary.at(i)), stable[i]
		if c+b == 0 {
			continue
		}
		for k := range slower.theta {
			won[k] += c*t.log[k][i] - (c+b)*math.Log1p(w*(t.rho[k][i]-1))
		}
	}
	for k := range slower.theta {
		o.W.win(k, won[k])
	}
}
