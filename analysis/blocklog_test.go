package analysis

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/metrics"
)

func TestABlockLogGivesTheSameEvidence(t *testing.T) {
	t.Parallel()
	for _, sticky := range []bool{false, true} {
		r := newChance(9)
		c := newCrowd(r, 2000, 0.05, func(bool) float64 { return 0.01 })
		var live State
		a := New(everyRule(sticky))
		var log []byte
		for tick := range int64(300) {
			c.tick(50)
			b := block(tick, c.all)
			if sticky {
				b.Firsts, b.Users = c.firsts, &c.users
			}
			if tick%10 == 9 {
				b.Latency = r.latencies(25, 475, 1.1)
			}
			a.Assess(&live, []Block{b}, step1)
			log = AppendBlock(log, &b)
			c.moved()
		}
		if perBlock := len(log) / 300; perBlock > 150 {
			t.Errorf("sticky %t: %d bytes a block", sticky, perBlock)
		}
		var again State
		replay := New(everyRule(sticky))
		for len(log) > 0 {
			b, rest, err := ReadBlock(log)
			if err != nil {
				t.Fatal(err)
			}
			replay.Assess(&again, []Block{b}, step1)
			log = rest
		}
		if d := cmp.Diff(live, again); d != "" {
			t.Errorf("sticky %t: the replay differs: %s", sticky, d)
		}
	}
}

func FuzzABlockLogIsReadOrRefused(f *testing.F) {
	r := newChance(1)
	b := block(7, r.pair(100, 0.05, 0.1, 0.1))
	b.Latency, b.Users = r.latencies(5, 95, 1), &metrics.Users{Open: 2}
	text := AppendBlock(nil, &b)
	for i := range text {
		f.Add(text[:i])
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, log []byte) {
		b, _, err := ReadBlock(log)
		if err != nil || b.Weight > 10000 {
			return
		}
		back, rest, err := ReadBlock(AppendBlock(nil, &b))
		if err != nil || len(rest) > 0 {
			t.Fatalf("a block that was read does not come back: %v, %d bytes left", err, len(rest))
		}
		if d := cmp.Diff(b, back, cmpopts.EquateComparable(metrics.Histogram{})); d != "" {
			t.Errorf("a block that was read comes back as another: %s", d)
		}
	})
}
