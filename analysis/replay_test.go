package analysis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
)

// attempt is one that is judged and logged, by processes that end and begin.
type attempt struct {
	t     *testing.T
	rules Rules
	crowd *crowd
	judge *Assessor
	state State
	log   []byte
	pen   LogWriter
	tick  int64
	saved []byte
	// decided are the findings at each decision.
	decided map[Mark][]Verdict
	seq     uint64
}

func newAttempt(t *testing.T, seed uint64, sticky bool) *attempt {
	return newAttemptBy(t, seed, everyRule(sticky))
}

func newAttemptBy(t *testing.T, seed uint64, rules Rules) *attempt {
	r := newChance(seed)
	a := &attempt{t: t, rules: rules, log: []byte(LogHeader), decided: map[Mark][]Verdict{}}
	a.crowd = newCrowd(r, 2000, 0.05, func(canary bool) float64 {
		if canary {
			return 0.04
		}
		return 0.01
	})
	a.judge = New(a.rules)
	var prior State
	for second := range int64(20) {
		a.judge.Learn(&prior, r.trials(1000, 0.01), r.latencies(0, 500, 1), second-20)
	}
	a.state = a.state.After(&prior, &a.rules)
	a.save()
	a.begin(LogStarted, 0)
	return a
}

func (a *attempt) begin(why string, dropped uint64) {
	a.log = a.pen.Begin(a.log, &LogBegin{Route: "shop", Attempt: "01", Why: why, Dropped: dropped, Rules: a.rules, State: a.state.Clone()})
}

func (a *attempt) save() { a.saved = written(&a.state) }

// block is the next tick of traffic.
func (a *attempt) block() Block {
	r := a.crowd
	r.tick(50)
	b := block(a.tick, r.all)
	b.Judged.N += uint64(r.IntN(2))
	if a.rules.Sticky {
		users := r.users
		b.Firsts, b.Users = r.firsts, &users
	}
	if a.tick%10 == 9 {
		b.Latency = r.latencies(25, 475, 1.1)
	}
	if r.IntN(3) == 0 {
		b.Visits = r.pair(5, 0.2, 0.3, 0.3)
	}
	if a.tick >= 300 {
		b.Weight, b.Step, b.Next = 2500, 2, 5000
	}
	r.moved()
	a.tick++
	return b
}

// look judges n ticks, the last of which the log may not get.
func (a *attempt) look(n int, logged bool) {
	var blocks []Block
	for range n {
		blocks = append(blocks, a.block())
		if logged {
			a.log = a.pen.Block(a.log, &blocks[len(blocks)-1])
		}
	}
	a.judge.Assess(&a.state, blocks, step1)
}

func (a *attempt) decide() Mark {
	a.seq++
	m := Mark{Seq: a.seq, At: a.tick * 1e8}
	findings := a.judge.Assess(&a.state, nil, step1).Findings
	a.decided[m] = append([]Verdict(nil), findings...)
	a.log = a.pen.Decision(a.log, m)
	return m
}

// restart is another process that takes the attempt up.
func (a *attempt) restart(clean bool) {
	if clean {
		a.save()
	}
	a.state = State{}
	if err := json.Unmarshal(a.saved, &a.state); err != nil {
		a.t.Fatal(err)
	}
	if !clean {
		a.state.Forfeit(&a.rules, FoldedByCrash)
	}
	a.state.FoldUsers()
	a.tick = max(a.tick, a.state.Last+1)
	if a.state.Begun && a.crowd.IntN(2) == 0 {
		a.tick = a.state.Last + 1 + int64(a.crowd.IntN(20)) // another clock: ticks that were judged and lost come again
	}
	a.save()
	a.judge = New(a.rules)
	if len(a.state.Tests) == 0 {
		a.state = a.state.After(&State{}, &a.rules)
	}
	a.begin(LogStarted, 0)
}

func (a *attempt) reload() {
	a.rules.Rules = append([]Rule(nil), a.rules.Rules...)
	switch a.crowd.IntN(3) {
	case 0:
		a.rules.Rules[0].MaxIncrease = float64(1 + a.crowd.IntN(3))
	case 1:
		a.rules.Rules[2].Max = float64(100 + 100*a.crowd.IntN(3))
	default:
		a.rules.Confidence = 0.99
	}
	a.judge = New(a.rules)
	a.log = a.pen.Rules(a.log, &a.rules)
}

// live plays ticks with everything that may happen to an attempt.
func (a *attempt) live(looks int) {
	for i := range looks {
		switch a.crowd.IntN(40) {
		case 0:
			a.restart(true)
		case 1:
			a.restart(false)
		case 2:
			a.reload()
		case 3:
			a.log = a.pen.Lost(a.log, 7)
			a.tick += 7
			a.judge.Assess(&a.state, nil, Now{Lost: 7})
		case 4:
			a.begin(LogContinued, 0)
		case 5, 6, 7:
			a.decide()
		}
		a.look(a.crowd.IntN(4), true)
		if i%13 == 0 {
			a.save()
		}
	}
}

func (a *attempt) replay(m Mark) *Replayed {
	a.t.Helper()
	got, err := ReplayLog(a.log, m)
	if err != nil {
		a.t.Fatal(err)
	}
	return got
}

// same says whether a replay gives the evidence of a decision, bit for bit.
func (a *attempt) same(m Mark, got *Replayed) string {
	want := a.decided[m]
	if !got.Found || !got.Known || len(got.Evidence) != len(want) {
		return fmt.Sprintf("found %t, known %t, %d checks of %d", got.Found, got.Known, len(got.Evidence), len(want))
	}
	for i, w := range want {
		g := got.Evidence[i]
		if g.Name != w.Name || math.Float64bits(g.Evidence) != math.Float64bits(w.Evidence) || math.Float64bits(g.Limit) != math.Float64bits(w.EvidenceLimit) {
			return fmt.Sprintf("%s is %x of %x, want %x of %x", w.Name, g.Evidence, g.Limit, w.Evidence, w.EvidenceLimit)
		}
	}
	return ""
}

func TestAReplayIsTheEvidenceBitForBit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		a := newAttempt(t, seed, seed%2 == 0)
		a.live(150)
		a.decide()
		for m := range a.decided {
			got := a.replay(m)
			if d := a.same(m, got); d != "" || len(got.Flaws) > 0 {
				t.Fatalf("seed %d, decision %+v: %s; flaws %+v", seed, m, d, got.Flaws)
			}
		}
	}
}

func TestALogWithADamagedByteSaysWhichRecordAndKnowsNothingAfterIt(t *testing.T) {
	t.Parallel()
	a := newAttempt(t, 1, false)
	early := a.decide()
	a.look(20, true)
	at := len(a.log)
	a.look(20, true)
	late := a.decide()
	for _, bit := range []byte{1, 0x80} {
		for off := range 20 {
			text := append([]byte(nil), a.log...)
			text[at+off] ^= bit
			got, err := ReplayLog(text, late)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Flaws) == 0 || got.Flaws[0].Kind != FlawDamage || got.Flaws[0].Record != 23 || got.Flaws[0].Offset != at ||
				!strings.Contains(got.Flaws[0].What, "after the block at 1.9 s") {
				t.Fatalf("byte %d: flaws = %+v, want damage of record 23 at %d", at+off, got.Flaws, at)
			}
			if !got.Found || got.Known {
				t.Errorf("byte %d: the decision after it is known: %+v", at+off, got)
			}
			if got, _ = ReplayLog(text, early); a.same(early, got) != "" || len(got.Flaws) == 0 {
				t.Errorf("byte %d: before it: %s, %d flaws; want it equal and the damage told", at+off, a.same(early, got), len(got.Flaws))
			}
		}
	}
}

func TestALogThatIsTornIsReadUpToItsLastRecord(t *testing.T) {
	t.Parallel()
	a := newAttempt(t, 2, true)
	a.look(20, true)
	m := a.decide()
	whole := len(a.log)
	a.look(1, true)
	for end := whole; end < len(a.log); end++ {
		got, err := ReplayLog(a.log[:end], m)
		if err != nil || a.same(m, got) != "" || len(got.Flaws) > 0 {
			t.Fatalf("torn at %d: %+v, %v: %s", end-whole, got, err, a.same(m, got))
		}
		if n, err := WholeLog(a.log[:end]); n != whole || err != nil {
			t.Fatalf("torn at %d: %d whole bytes, %v; want %d", end-whole, n, err, whole)
		}
	}
}

func TestAGapIsToldAndTheLogGoesOnFromTheEvidenceAfterIt(t *testing.T) {
	t.Parallel()
	a := newAttempt(t, 3, false)
	a.look(20, true)
	a.look(5, false)
	a.begin(LogGap, 5)
	a.look(10, true)
	m := a.decide()
	got := a.replay(m)
	if d := a.same(m, got); d != "" || len(got.Flaws) != 1 || got.Flaws[0].Kind != FlawGap || !strings.HasPrefix(got.Flaws[0].What, "5 blocks after the one at 1.9 s") {
		t.Errorf("after a gap: %s, flaws %+v; want equal from there on, and one gap of 5 blocks after 1.9 s", d, got.Flaws)
	}
}

func TestAProcessThatGoesOnFromBlocksThatAreNotInTheLogIsAGap(t *testing.T) {
	t.Parallel()
	a := newAttempt(t, 4, false)
	a.look(20, true)
	a.look(5, false)
	a.restart(true)
	m := a.decide()
	if got := a.replay(m); len(got.Flaws) != 1 || got.Flaws[0].Kind != FlawGap || a.same(m, got) != "" {
		t.Errorf("flaws = %+v, want one gap", got.Flaws)
	}
}

// Evidence is never reset upward: a log whose process began with bets that a crash should have cost shows it.
func TestEvidenceThatARestartGaveBackIsABreak(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*State){
		"a cash that came back":  func(s *State) { s.Tests[0].Trials.Compare.Cash += 0.1 },
		"bets that were not won": func(s *State) { s.Tests[0].Trials.Compare.Raw[2] += 1 },
		"all of it": func(s *State) {
			*s = State{}
		},
	} {
		a := newAttempt(t, 5, false)
		a.look(50, true)
		a.save()
		if err := json.Unmarshal(a.saved, &a.state); err != nil {
			t.Fatal(err)
		}
		spoil(&a.state)
		a.judge = New(a.rules)
		a.begin(LogStarted, 0)
		if got := a.replay(a.decide()); len(got.Flaws) == 0 || got.Flaws[0].Kind != FlawBreak {
			t.Errorf("%s: flaws = %+v, want a break", name, got.Flaws)
		}
	}
}

func TestACrashBeforeTheFirstSaveIsToldInTheReplay(t *testing.T) {
	t.Parallel()
	a := newAttempt(t, 6, true)
	a.saved = written(&State{})
	a.look(30, true)
	a.restart(false)
	a.look(30, true)
	m := a.decide()
	got := a.replay(m)
	if d := a.same(m, got); d != "" || len(got.Flaws) > 0 || got.Starts != 2 {
		t.Errorf("%s; flaws %+v, %d starts; want equal, none and 2", d, got.Flaws, got.Starts)
	}
}

func TestALogOfALaterVersionIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"sluice block log 2\nxyz": "version \"2", "": "no block log", "sluice block l": "no block log", "{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n": "no block log",
	} {
		if _, err := ReplayLog([]byte(text), Mark{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}

func TestWritingABlockAllocatesNothing(t *testing.T) {
	a := newAttempt(t, 7, true)
	b := a.block()
	log := make([]byte, 0, 1<<20)
	a.pen.Block(log, &b)
	if n := testing.AllocsPerRun(100, func() { log = a.pen.Block(log[:0], &b) }); n > 0 {
		t.Errorf("%g allocations a block, want none", n)
	}
}

// A log that anybody could have written is read to its end or refused, and never fails the reader.
func FuzzALogIsReplayedOrRefused(f *testing.F) {
	a := newAttemptBy(&testing.T{}, 8, strict(true))
	a.look(3, true)
	m := a.decide()
	f.Add(a.log, []byte{}, uint8('B'))
	f.Add(a.log[:len(a.log)/2], a.log[len(a.log)/2:], uint8('S'))
	b := a.block()
	f.Add(a.log, AppendBlock(nil, &b), uint8('B'))
	f.Add([]byte(LogHeader), []byte(`{"state":{"tests":[{}]},"rules":{"Rules":[{"Name":"x","Metric":"latency"}]}}`), uint8('S'))
	f.Fuzz(func(t *testing.T, log, text []byte, kind uint8) {
		w := LogWriter{text: append([]byte{kind}, text...)}
		log = w.Decision(w.record(log), m)
		if got, err := ReplayLog(log, m); err == nil && got.Known && len(got.Flaws) == 0 && !bytes.ContainsRune(log, recordBegin) {
			t.Errorf("evidence from a log that begins nowhere: %+v", got)
		}
		if n, err := WholeLog(log); err == nil && n > len(log) {
			t.Errorf("%d whole bytes of %d", n, len(log))
		}
	})
}

func BenchmarkLog(b *testing.B) {
	for name, sticky := range map[string]bool{"drawn": false, "sticky": true} {
		b.Run(name, func(b *testing.B) {
			a := newAttempt(&testing.T{}, 9, sticky)
			var blocks []Block
			for range 100 {
				blocks = append(blocks, a.block())
			}
			log, i, size := make([]byte, 0, 1<<20), 0, 0
			b.ReportAllocs()
			for b.Loop() {
				log = a.pen.Block(log[:0], &blocks[i%100])
				size += len(log)
				i++
			}
			b.ReportMetric(float64(size)/float64(i), "B/block")
		})
	}
}
