package metrics

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func TestATallyCountsAllArrivalsSinceItsRestart(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	for run := range 5 {
		h := &history{r: rand.New(rand.NewPCG(seed, uint64(run)))}
		m := judgedMeter()
		var tally Tally
		start := Instant(time.Hour)
		good(m, start-1, 0) // before the restart
		tally.Restart(start)
		end := start.Add(5 * time.Minute) // six laps
		read := start
		for at := start; at < end; at += Instant(h.r.IntN(int(40 * ms))) {
			h.arrive(m, at)
			for len(h.open) > 20 { // at most a few seconds behind
				h.end(m, at)
			}
			if at > read {
				tally.Read(m, at)
				read = at.Add(time.Duration(h.r.IntN(int(2 * time.Second))))
			}
		}
		for len(h.open) > 0 {
			h.end(m, end)
		}
		w := tally.Read(m, end)
		what := fmt.Sprintf("seed %d, run %d: ", seed, run)
		wantCounts(t, what+"tally", w.Counts, h.counts)
		for c := range numJudged {
			if got := w.Latency[c].Count(); got != h.good[c] {
				t.Errorf("%slatencies of cohort %d = %d, want %d", what, c, got, h.good[c])
			}
		}
	}
}

func TestARestartBeginsWithTheNextWholeBlock(t *testing.T) {
	t.Parallel()
	m := judgedMeter()
	for at := Instant(0); at < 3000*ms; at += 10 * ms {
		good(m, at, time.Millisecond)
	}
	var tally Tally
	tally.Restart(1101 * ms)
	w := tally.Read(m, 3000*ms)
	if got := w.Counts[Drawn].Requests; got != 180 {
		t.Errorf("requests = %d, want the 180 from 1.2 s on", got)
	}
	if got := w.Latency[Drawn].Count(); got != 150 {
		t.Errorf("latencies = %d, want the 150 from 1.5 s on", got)
	}
}

func TestALateEndReachesTheTally(t *testing.T) {
	t.Parallel()
	m := judgedMeter()
	var tally Tally
	a := m.Begin(0, Drawn, 0)
	for at := Instant(0); at < 30_000*ms; at += 100 * ms {
		good(m, at, 0)
		tally.Read(m, at)
	}
	m.End(a, Outcome{At: 30_000 * ms, Failed: true})
	w := tally.Read(m, 30_000*ms)
	wantCounts(t, "tally", w.Counts[Drawn], Counts{Requests: 301, Errors: 1})
}

func TestAHangingAttemptStandsAmongTheLatencies(t *testing.T) {
	t.Parallel()
	m := judgedMeter()
	var tally Tally
	for range 10 {
		m.Begin(0, Drawn, 0)
		fail(m, 0)
	}
	for at := Instant(0); at < 60_000*ms; at += 1000 * ms {
		tally.Read(m, at)
	}
	w := tally.Read(m, 60_000*ms)
	wantCounts(t, "tally", w.Counts[Drawn], Counts{Requests: 20, Errors: 10, Unfinished: 10})
	if n, above := w.Latency[Drawn].Count(), w.Latency[Drawn].Above(11*time.Second); n != 10 || above != 10 {
		t.Errorf("latencies = %d, above 11 s %d, want 10 and 10", n, above)
	}
}

func TestATallyThatIsReadTooLateMissesWhatIsGone(t *testing.T) {
	t.Parallel()
	m := judgedMeter()
	var tally Tally
	for at := Instant(0); at < 200_000*ms; at += 100 * ms {
		good(m, at, 0)
	}
	w := tally.Read(m, 200_000*ms)
	wantCounts(t, "tally", w.Counts[Drawn], Counts{Requests: numBlocks})
}
