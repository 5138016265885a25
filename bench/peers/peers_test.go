package peers

import (
	"os"
	"strings"
	"testing"
	"time"

	"sluice/bench/load"
	"sluice/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

func TestEverySuiteGivesFiguresOfWhatIsInstalled(t *testing.T) {
	t.Parallel()
	self := testkit.Binary(t)
	for _, s := range Suites() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			s.connections, s.rate = min(s.connections, 8), min(s.rate, 200)
			var notes []string
			b := Bench{
				Suite: s, Peers: append(Names(), "no-such-proxy"), Rounds: 2, Duration: time.Second, WarmUp: 50 * time.Millisecond,
				Self: self, Sluice: self, Note: func(n string) { notes = append(notes, n) },
			}
			r, err := b.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i := range r.Peers {
				p := &r.Peers[i]
				for j := range p.Rounds {
					if one := &p.Rounds[j]; one.Memory == 0 || one.Report.Requests == 0 || one.Report.Failed() > 0 || one.Report.Latency.P50 == 0 {
						t.Errorf("%s, round %d: %+v, want requests without a failure", p.Name, j, one)
					}
				}
				if len(p.Rounds) != 2 || p.Name != Direct && p.Version == "" {
					t.Errorf("%s: %d rounds, version %q; want 2, and a version", p.Name, len(p.Rounds), p.Version)
				}
			}
			if r.find(Sluice) == nil || r.find(Direct) == nil || r.Missing[len(r.Missing)-1] != "no-such-proxy" || !strings.Contains(notes[len(r.Missing)-1], "left out") {
				t.Errorf("%+v, notes %q; want sluice and direct, and a note of what is missing", r, notes)
			}
			var table strings.Builder
			if err := r.WriteTable(&table); err != nil || !strings.Contains(table.String(), "no-such-proxy") || !strings.Contains(table.String(), "sluice  ") {
				t.Errorf("%s, %v", table.String(), err)
			}
		})
	}
}

func TestRatiosAreOfTheSameRound(t *testing.T) {
	t.Parallel()
	round := func(cpu float64, p99 time.Duration, rate float64) Round {
		return Round{CPU: cpu, Report: load.Report{Rate: rate, Latency: load.Latency{P99: load.Duration(p99)}}}
	}
	// The second round was a slow minute for everybody.
	for rate, wantP99 := range map[float64]Spread{0: {0.5, 0.5, 0.5}, 2000: {0.25, 0.25, 0.25}} {
		r := Report{Peers: []Result{
			{Name: Direct, Rounds: []Round{round(1, 2, rate), round(5, 20, rate), round(1, 2, rate)}},
			{Name: nginx, Rounds: []Round{round(10, 6, rate), round(50, 60, rate), round(10, 6, rate)}},
			{Name: Sluice, Rounds: []Round{round(8, 3, rate), round(40, 30, rate), round(9, 3, rate)}},
		}}
		r.compare()
		if len(r.Ratios) != 1 || r.Ratios[0].To != nginx || r.Ratios[0].CPU != (Spread{0.8, 0.8, 0.9}) || r.Ratios[0].P99 != wantP99 {
			t.Errorf("rate %v: %+v, want CPU 0.8 (0.8–0.9), p99 %v", rate, r.Ratios, wantP99)
		}
	}
}

func TestTheProcessorTimeOfAProcessAndItsChildrenIsRead(t *testing.T) {
	t.Parallel()
	before, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, testkit.Patience, "the clock of this process to go on", func() (bool, any) {
		for i := range 10_000_000 {
			_ = i * i
		}
		now, err := usageOf(os.Getpid())
		return err == nil && now.cpu > before.cpu && now.rss > 0, now
	})
	if _, err := usageOf(1 << 30); err == nil {
		t.Error("a process that is none has a usage")
	}
}
