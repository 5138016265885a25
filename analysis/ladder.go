package analysis

import (
	"encoding/json"
	"fmt"

	"sluice/metrics"
)

// ladder is a weight for each latency bucket and the bad one above them: numLadder numbers, or none at all. As JSON it is what lies
// between the first and the last that is not 0.
type ladder []float64

// made is the ladder with room for its numbers.
func (l ladder) made() ladder {
	if len(l) == 0 {
		return make(ladder, numLadder)
	}
	return l
}

func (l ladder) scale(by float64) {
	for i := range l {
		l[i] *= by
	}
}

func (l ladder) sum() (sum float64) {
	for _, n := range l {
		sum += n
	}
	return sum
}

type ladderJSON struct {
	From int       `json:"from"`
	N    []float64 `json:"n"`
}

// MarshalJSON writes the part that is not 0.
func (l ladder) MarshalJSON() ([]byte, error) {
	from, to := 0, len(l)
	for from < to && l[from] == 0 {
		from++
	}
	for to > from && l[to-1] == 0 {
		to--
	}
	return json.Marshal(ladderJSON{From: from, N: l[from:to]})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (l *ladder) UnmarshalJSON(b []byte) error {
	var in ladderJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("read latencies: %w", err)
	}
	if in.From < 0 || in.From+len(in.N) > numLadder {
		return fmt.Errorf("read latencies: buckets %d to %d of %d", in.From, in.From+len(in.N), numLadder)
	}
	*l = nil
	if len(in.N) > 0 {
		*l = l.made()
		copy((*l)[in.From:], in.N)
	}
	return nil
}

// make turns a model into odds: for each alternative, the model with a share of the requests slowed, over the model; then made monotone,
// which is all that the test's validity needs.
func (t *odds) make(model ladder) {
	var h, q [numLadder]float64
	smooth(model, &h)
	for k, s := range slower.theta {
		eps := slowerShare[k]
		for i := range q {
			q[i] = (1 - eps) * h[i]
		}
		q[badBucket] = h[badBucket]
		for i := range badBucket {
			if h[i] <= 2*floor { // nobody was here: what little it has may stay
				q[i] += eps * h[i]
				continue
			}
			slow(&q, i, eps*h[i], s)
		}
		rho := &t.rho[k]
		for i := range rho {
			rho[i] = max(0.02, min(q[i]/h[i], 100))
		}
		monotone(rho, &h)
		for i := range rho {
			if i > 0 && rho[i] == rho[i-1] { // pooled
				t.log[k][i] = t.log[k][i-1]
				continue
			}
			t.log[k][i] = log(rho[i])
		}
	}
}

// floor is the share that a bucket has where stable was never seen.
const floor = 1e-8

// smooth makes a distribution of the model: the density at a bucket is that of its neighbourhood (not the counts: the buckets' widths leap by
// two at each power of two, and odds made of such a leap would be flat there), and no bucket is empty.
func smooth(model ladder, h *[numLadder]float64) {
	for i := range badBucket - 1 {
		lo, hi := max(0, i-spread), min(badBucket-2, i+spread)
		n := 0.0
		for j := lo; j <= hi; j++ {
			n += model[j]
		}
		if n > 0 {
			h[i] = n * (upperEdge(i) - lowerEdge(i)) / (upperEdge(hi) - lowerEdge(lo))
		}
	}
	h[badBucket-1] = model[badBucket-1]
	h[badBucket] = model[badBucket] + 0.5
	sum := 0.0
	for _, n := range h {
		sum += n
	}
	for i := range h {
		h[i] = h[i]/sum*(1-numLadder*floor) + floor
	}
}

// slow adds mass to the buckets that bucket i's latencies fall into when each is s times as long.
func slow(q *[numLadder]float64, i int, mass, s float64) {
	lo := 0.0
	if i > 0 {
		lo = float64(metrics.BucketUpper(i - 1))
	}
	if i == badBucket-1 {
		q[i] += mass
		return
	}
	hi := float64(metrics.BucketUpper(i))
	from, to := lo*s, hi*s
	for j := bucketOf(duration(from)); j < badBucket && lowerEdge(j) < to; j++ {
		q[j] += mass * (min(to, upperEdge(j)) - max(from, lowerEdge(j))) / (to - from)
	}
}

// monotone is the nearest sequence that never falls, by weighted least squares: neighbours that violate it are pooled.
func monotone(v, weight *[numLadder]float64) {
	var mean, mass [numLadder]float64
	var size [numLadder]int
	n := 0
	for i := range v {
		mean[n], mass[n], size[n] = v[i], weight[i], 1
		n++
		for n > 1 && mean[n-2] >= mean[n-1] {
			total := mass[n-2] + mass[n-1]
			mean[n-2] = (mean[n-2]*mass[n-2] + mean[n-1]*mass[n-1]) / total
			mass[n-2], size[n-2] = total, size[n-2]+size[n-1]
			n--
		}
	}
	i := 0
	for j := range n {
		for range size[j] {
			v[i] = mean[j]
			i++
		}
	}
}

// tables are the odds of a latency rule: of its comparison, and of the limit to its mean. Each is 120 KB, so they are made where needed.
type tables struct{ compare, limit *odds }

func (t *tables) prepare(c *Rule, compares bool) {
	if compares {
		t.compare = &odds{raised: raise(c.ratio())}
	}
	if c.limited() && c.Quantile == 0 {
		t.limit = &odds{raised: raise(1)}
	}
}
