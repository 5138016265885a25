package metrics

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestABlockComesOnceAndOfAge(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	var reader Reader
	start := Instant(r.Int64N(int64(time.Hour)) - int64(30*time.Minute))
	reader.Restart(start)
	age := time.Duration(100+r.IntN(3000)) * time.Millisecond
	want := start.next(blockTime)
	for now := start; now < start.Add(30*time.Second); now += Instant(r.IntN(int(250 * ms))) {
		for {
			n, ok := reader.Next(now, age)
			if !ok {
				break
			}
			if n != want || now < Instant((n+1)*int64(blockTime)).Add(age) {
				t.Fatalf("seed %d: block %d at %d, want block %d at the age of %s", seed, n, now, want, age)
			}
			want++
		}
		if open := now.Add(-age).whole(blockTime); want < open {
			t.Fatalf("seed %d: block %d is of age at %d and was not given", seed, want, now)
		}
	}
	if reader.Lost != 0 {
		t.Errorf("seed %d: lost %d blocks", seed, reader.Lost)
	}
}

func TestBlocksThatAreGoneAreCounted(t *testing.T) {
	t.Parallel()
	var reader Reader
	reader.Restart(0)
	now := Instant(time.Minute)
	n, ok := reader.Next(now, time.Second)
	if !ok || reader.Lost == 0 || reader.Lost != n || now-Instant(n*int64(blockTime)) > Instant(15*time.Second) {
		t.Errorf("first block after a minute = %d, %t, with %d lost", n, ok, reader.Lost)
	}
}

func TestWhatEndsLaterThanItsBlockWasReadChangesNothing(t *testing.T) {
	t.Parallel()
	m := judgedMeter()
	var reader Reader
	reader.Restart(0)
	slow := m.Begin(10*ms, Drawn, 0)
	fail(m, 20*ms)
	good(m, 30*ms, time.Millisecond)
	n, ok := reader.Next(1100*ms, time.Second)
	if got, want := m.Block(n)[Drawn], (Counts{Requests: 3, Errors: 1, Unfinished: 1}); !ok || got != want {
		t.Errorf("block %d = %+v, %t, want %+v", n, got, ok, want)
	}
	m.End(slow, Outcome{At: 1200 * ms})
	if n, ok := reader.Next(1199*ms, time.Second); ok {
		t.Errorf("block %d came again, or too early", n)
	}
}

func TestASecondHasItsLatenciesAndItsCounts(t *testing.T) {
	t.Parallel()
	m := judgedMeter()
	var reader Reader
	reader.Restart(500 * ms)
	for at := Instant(0); at < 3000*ms; at += 10 * ms {
		good(m, at, 7*time.Millisecond)
	}
	fail(m, 1500*ms)
	m.Begin(1600*ms, Drawn, 0)
	var ends, halves []int64
	var w, half Window
	for {
		n, ok := reader.Next(4000*ms, time.Second)
		if !ok {
			break
		}
		if reader.EndsSecond(n) {
			ends = append(ends, n)
			if n == 19 {
				m.Second(n, &w)
			}
		}
		if reader.EndsHalf(n) {
			halves = append(halves, n)
			if n == 14 {
				m.Half(n, &half)
			}
		}
	}
	if len(ends) != 2 || ends[0] != 19 || ends[1] != 29 {
		t.Errorf("seconds end with blocks %v, want 19 and 29: the one at the restart is not whole", ends)
	}
	if want := []int64{9, 14, 19, 24, 29}; !slices.Equal(halves, want) || half.Counts[Drawn].Requests != 50 || half.Latency[Drawn].Count() != 50 {
		t.Errorf("halves end with blocks %v, want %v; the first of second 1 has %d requests and %d latencies, want 50",
			halves, want, half.Counts[Drawn].Requests, half.Latency[Drawn].Count())
	}
	if got, want := w.Counts[Drawn], (Counts{Requests: 102, Errors: 1, Unfinished: 1}); got != want || w.Latency[Drawn].Count() != 100 {
		t.Errorf("second 1 = %+v, %d latencies, want %+v, 100", got, w.Latency[Drawn].Count(), want)
	}
}
