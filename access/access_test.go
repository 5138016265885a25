package access

import (
	"math"
	"testing"
)

func TestTheSharesAreKept(t *testing.T) {
	t.Parallel()
	const n = 4000
	l := New(2500, 10000)
	for i := range n {
		r := l.Take()
		r.Status = 200
		if i%2 == 1 {
			r.Status = 503
		}
		l.Put(r)
	}
	kept := map[int]int{}
	for len(l.queue) > 0 {
		kept[(<-l.queue).Status]++
	}
	// Five standard deviations of a binomial of 2000 draws.
	if got, want := float64(kept[200]), 500.0; math.Abs(got-want) > 5*math.Sqrt(2000*.25*.75) || kept[503] != n/2 {
		t.Errorf("kept %v, want about 500 of 200 and all of 503", kept)
	}
}

func TestAFullQueueDropsAndNobodyWaits(t *testing.T) {
	t.Parallel()
	l := New(10000, 10000)
	for range queued + 7 {
		l.Put(l.Take())
	}
	if len(l.queue) != queued || l.Dropped() != 7 {
		t.Errorf("%d queued, %d dropped, want %d and 7", len(l.queue), l.Dropped(), queued)
	}
}

func TestWhatTheClientSentIsCopied(t *testing.T) {
	t.Parallel()
	r := New(0, 0).Take()
	b := []byte("GET/targethost")
	r.Set(b[:3], b[3:10], b[10:], nil, nil, nil)
	copy(b, "xxxxxxxxxxxxxx")
	if string(r.Method) != "GET" || string(r.Target) != "/target" || string(r.Host) != "host" || len(r.Agent) != 0 {
		t.Errorf("%q %q %q %q", r.Method, r.Target, r.Host, r.Agent)
	}
}
