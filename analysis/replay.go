package analysis

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// Mark names a decision: its seq and its time in nanoseconds.
type Mark struct {
	Seq uint64
	At  int64
}

// Replayed is what a log gives at a decision, recomputed.
type Replayed struct {
	// Found says that the log has the decision, Known that everything that came before it was recomputed from somewhere on.
	Found, Known bool
	// Evidence of each check by name.
	Evidence []Recomputed
	// Blocks were judged, Starts are processes that took the attempt up, Reloads brought other rules.
	Blocks, Starts, Reloads int
	// Flaws are what keeps the log from showing all of the evidence, the first first.
	Flaws []Flaw
	// Notes are what happened to the evidence, and is as it should be.
	Notes []string
	// Made says what wrote the log.
	Made string
}

// Recomputed is the e-value of a check and the threshold at which it rolls back.
type Recomputed struct {
	Name            string
	Evidence, Limit float64
}

// The kinds of flaws.
const (
	FlawDamage  = "damage"  // a record can't be read
	FlawGap     = "gap"     // blocks were judged that are not in the log
	FlawRemoved = "removed" // the attempt's first part is no longer kept
	FlawBreak   = "break"   // evidence does not follow from what came before it
)

// Flaw is one thing that is wrong with a log.
type Flaw struct {
	Kind string `json:"kind"`
	// Record counts the log's records from 1, Offset its bytes.
	Record int    `json:"record"`
	Offset int    `json:"offset"`
	What   string `json:"what"`
}

// ReplayLog judges a log's blocks again, and gives what they made of the checks when a decision was made. The error says that it is no
// log, or one that can't be replayed at all.
func ReplayLog(log []byte, decision Mark) (out *Replayed, err error) {
	p := &replay{want: decision, out: &Replayed{}, starts: map[int64]bool{}, kept: map[int64][][]byte{}}
	if _, err := scan(log, p.look, func(hole) {}); err != nil {
		return nil, err
	}
	defer func() {
		if bug := recover(); bug != nil {
			out, err = nil, fmt.Errorf("the block log can't be replayed: record %d (byte %d) makes the judge fail: %v", p.at.number, p.at.at, bug)
		}
	}()
	_, err = scan(log, p.take, p.damaged)
	p.flush()
	return p.out, err
}

// replay is a log on its way through the judge.
type replay struct {
	want Mark
	out  *Replayed
	at   record

	judge *Assessor // nil: the evidence is not known from here on
	state State
	batch []Block
	begun bool // a LogBegin was seen
	// starts are the ticks from whose evidence a process goes on, kept what it was then, in all its forms.
	starts map[int64]bool
	kept   map[int64][][]byte
}

// look finds the ticks that are gone back to.
func (p *replay) look(r record) {
	var b struct {
		Why   string
		State struct {
			Last  int64
			Begun bool
		}
	}
	if r.kind == recordBegin && json.Unmarshal(r.text, &b) == nil && b.State.Begun && b.Why == LogStarted {
		p.starts[b.State.Last] = true
	}
}

// damaged is a part that can't be read: from there on nothing is known.
func (p *replay) damaged(h hole) {
	p.flush()
	if h.torn {
		p.out.Notes = append(p.out.Notes, fmt.Sprintf("the log ends inside record %d, as its process did", h.record))
		return
	}
	where := "before the first block"
	if p.state.Begun {
		where = "after the block " + when(&p.state)
	}
	p.flaw(FlawDamage, record{at: h.from, number: h.record},
		"record %d (bytes %d to %d, %s) can't be read", h.record, h.from, h.to, where)
	p.judge = nil
}

func (p *replay) flaw(kind string, r record, format string, args ...any) {
	p.out.Flaws = append(p.out.Flaws, Flaw{Kind: kind, Record: r.number, Offset: r.at, What: fmt.Sprintf(format, args...)})
}

// when is the time of the newest block.
func when(s *State) string {
	ticks := s.Last - s.First
	return fmt.Sprintf("at %d.%d s", ticks/ticksASecond, ticks%ticksASecond)
}

// take is one record.
func (p *replay) take(r record) {
	if r.kind == recordBlock {
		p.block(r)
		return
	}
	p.flush()
	p.at = r
	switch r.kind {
	case recordBegin:
		p.begin(r)
	case recordRules:
		p.rules(r)
	case recordLost:
		n, used := binary.Varint(r.text)
		if used > 0 && p.judge != nil {
			p.out.Notes = append(p.out.Notes, fmt.Sprintf("the judge fell behind by %d blocks, %s: the bets were given up", n, when(&p.state)))
			p.assess(nil, Now{Lost: n})
		}
	case recordDecision:
		p.decision(r)
	default:
		p.flaw(FlawDamage, r, "record %d (byte %d) is of a kind %q that this program does not know", r.number, r.at, string(r.kind))
		p.judge = nil
	}
}

// batchSize bounds what is judged at a time: the report is only needed at decisions.
const batchSize = 64

func (p *replay) block(r record) {
	b, rest, err := ReadBlock(r.text)
	if err != nil || len(rest) > 0 {
		p.damaged(hole{from: r.at, to: r.at + len(r.text), record: r.number})
		return
	}
	if p.judge == nil {
		return
	}
	p.at = r
	p.out.Blocks++
	p.batch = append(p.batch, b)
	if len(p.batch) == batchSize || p.starts[b.Tick] {
		p.flush()
	}
}

func (p *replay) flush() {
	if len(p.batch) > 0 && p.judge != nil {
		p.assess(p.batch, Now{})
	}
	p.batch = p.batch[:0]
}

func (p *replay) assess(blocks []Block, now Now) *Report {
	report := p.judge.Assess(&p.state, blocks, now)
	p.keep()
	return report
}

// keep notes the evidence that may be gone back to.
func (p *replay) keep() {
	at := p.state.Last
	if !p.state.Begun || !p.starts[at] {
		return
	}
	text := written(&p.state)
	if n := len(p.kept[at]); n == 0 || !bytes.Equal(p.kept[at][n-1], text) {
		p.kept[at] = append(p.kept[at], text)
	}
}

// goBack forgets what was judged after a tick and does not count.
func (p *replay) goBack(tick int64) {
	for at := range p.kept {
		if at > tick {
			delete(p.kept, at)
		}
	}
}

// written is a state as it is kept, which gives it back bit for bit.
func written(s *State) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return text
}

func (p *replay) rules(r record) {
	var rules Rules
	if p.judge == nil {
		return
	}
	if err := json.Unmarshal(r.text, &rules); err != nil {
		p.flaw(FlawDamage, r, "record %d (byte %d) has no rules: %v", r.number, r.at, err)
		p.judge = nil
		return
	}
	p.out.Reloads++
	p.judge = New(rules)
	p.assess(nil, Now{})
}

// decision is where the evidence is compared.
func (p *replay) decision(r record) {
	seq, n := binary.Uvarint(r.text)
	if n <= 0 {
		return
	}
	at, _ := binary.Varint(r.text[n:])
	if p.want != (Mark{Seq: seq, At: at}) {
		return
	}
	p.out.Found, p.out.Known, p.out.Evidence = true, p.judge != nil, nil
	if p.judge == nil {
		return
	}
	for _, f := range p.assess(nil, Now{}).Findings {
		p.out.Evidence = append(p.out.Evidence, Recomputed{Name: f.Name, Evidence: f.Evidence, Limit: f.EvidenceLimit})
	}
}
