package analysis

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// begin goes on from a state that the log has, if that follows from the blocks before it.
func (p *replay) begin(r record) {
	var b LogBegin
	if err := json.Unmarshal(r.text, &b); err != nil {
		p.flaw(FlawDamage, r, "record %d (byte %d) has no evidence: %v", r.number, r.at, err)
		p.judge = nil
		return
	}
	if p.out.Made = b.Made; b.Made != MadeHere() {
		p.out.Notes = append(p.out.Notes, fmt.Sprintf("the log was written by %s, this is %s: the last bits may differ", b.Made, MadeHere()))
	}
	if b.Why == LogStarted {
		p.out.Starts++
	}
	switch first := !p.begun; {
	case !b.State.Begun && (first || !p.state.Begun):
		p.fresh(r, &b, 0)
	case first:
		p.flaw(FlawRemoved, r, "the log begins %s of the attempt: what was found before is taken as it was written", when(&b.State))
	case p.judge == nil: // after damage: it was told
	case !b.State.Begun:
		p.fresh(r, &b, 1)
	case b.Why == LogGap && b.Dropped > 0:
		p.flaw(FlawGap, r, "%d blocks after the one %s were judged and not written: the disk was slow or full", b.Dropped, when(&p.state))
	default:
		p.follow(r, &b)
	}
	p.goBack(b.State.Last)
	p.begun, p.judge, p.state = true, New(b.Rules), b.State
	p.keep()
	p.assess(nil, Now{})
}

// fresh is a beginning before the first block: nothing may have been won by then, and after crashes the first stake is gone.
func (p *replay) fresh(r record, b *LogBegin, crashes int) {
	if crashes > 0 {
		p.out.Notes = append(p.out.Notes, fmt.Sprintf(
			"a process ended before its first save: the attempt began again with what it had not staked, %d blocks don't count", p.out.Blocks,
		))
	}
	most := State{}
	judge := New(b.Rules)
	judge.fit(&most)
	for range crashes {
		most.Forfeit(&b.Rules, FoldedByCrash)
	}
	had := b.State.Clone()
	judge.fit(&had)
	for i := range had.Tests {
		h := &judge.how[i]
		one, _ := had.Tests[i].margin(h, judge.clock.limit)
		other, _ := most.Tests[i].margin(h, judge.clock.limit)
		_, over, _ := had.Tests[i].limit(h, judge.clock.limit)
		_, otherOver, _ := most.Tests[i].limit(h, judge.clock.limit)
		if one > other || over > otherOver {
			p.flaw(FlawBreak, r, "%s begins with more evidence than nothing", had.Tests[i].Name)
		}
	}
}

// maxCrashes are those after which a state is still recognised, where none of the processes judged a block.
const maxCrashes = 8

// follow says whether the state is the one before, or what a restart makes of an earlier one.
func (p *replay) follow(r record, b *LogBegin) {
	want, kept := written(&b.State), p.kept[b.State.Last]
	if b.Why != LogStarted {
		if !bytes.Equal(want, written(&p.state)) {
			p.flaw(FlawBreak, r, "the log goes on with evidence that does not follow from that %s", when(&p.state))
		}
		return
	}
	for _, text := range kept {
		if p.restarted(text, want, &b.Rules) {
			return
		}
	}
	if len(kept) == 0 {
		p.flaw(FlawGap, r, "the blocks up to the one %s, from which a process went on, are not in the log: it ends with the one %s",
			when(&b.State), when(&p.state))
		return
	}
	p.flaw(FlawBreak, r, "a process began with evidence that does not follow from that %s", when(&b.State))
}

// restarted says whether a restart makes the one of the other: in good order, or after crashes.
func (p *replay) restarted(text, want []byte, rules *Rules) bool {
	for crashes := range maxCrashes {
		var s State
		if json.Unmarshal(text, &s) != nil {
			return false
		}
		for range crashes {
			s.Forfeit(rules, FoldedByCrash)
		}
		s.FoldUsers()
		if !bytes.Equal(written(&s), want) {
			continue
		}
		how := "in good order: the evidence went on"
		if crashes > 0 {
			how = "after an unclean end: the bets were given up, and what was judged after the last save does not count"
		}
		p.out.Notes = append(p.out.Notes, fmt.Sprintf("a process took the attempt up %s, %s", when(&s), how))
		return true
	}
	return false
}
