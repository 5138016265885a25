package metrics

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Side of a comparison.
type Side uint8

// The sides.
const (
	CanarySide Side = iota
	StableSide
	// MimicSide are stable's users who play the canary; they are stable's in all that is read but Sides.Mimic.
	MimicSide
	numSides
)

// MaxComponents bounds how often every user may be counted as failed anew.
const MaxComponents = 32

// Keys knows the users of a sticky route in one attempt: who was there in this epoch (a minute, or since the weight changed), and who has
// failed. A user is a hash; a fixed table of words holds them, two words (16 bytes) for each user it was made for. Nobody waits and nothing is
// allocated. A user has one of eight places, a line of memory; where all are taken it throws out one who never failed, if there is one (2 % of
// the lines overflow at as many users as the table was made for). Whoever was thrown out is new when it comes back: one who always fails
// would then fail again and again, which is why those who failed stay. A table for too few users costs validity, not only power.
//
// The control plane, one goroutine, calls Epoch, Open and Patience; requests call Begin and End.
type Keys struct {
	words []atomic.Uint64
	// now is generation 16 | epoch 32 | open components 8.
	now      atomic.Uint64
	patience atomic.Int64
	// risk are the users of this epoch by class and side, tagged with the epoch; failed have failed since the start.
	risk   [MaxComponents + 1][numSides]tagged
	failed [MaxComponents + 1][numSides]atomic.Uint64
	// firsts of the canary, of stable, and of stable's mimics where those of a component are asked for.
	firsts [numSides]*Meter
}

// A word is tag 32 | epoch 16 | component 8 | class 8. The class is 0 for a user who never failed, else one more than the component in which
// it failed last; component is one more than that of its last request. Epochs begin at 1, so a word in use is not 0.
const (
	classBits     = 8
	componentBits = 8
	epochBits     = 16
	classMask     = 1<<classBits - 1
	epochShift    = classBits + componentBits
	tagShift      = epochShift + epochBits
	epochMask     = 1<<epochBits - 1
)

// moment is what `now` says.
type moment struct {
	generation uint16
	epoch      uint32
	open       uint8
}

func (k *Keys) moment() moment {
	v := k.now.Load()
	return moment{generation: uint16(v >> 40), epoch: uint32(v >> 8), open: uint8(v)}
}

func (k *Keys) set(m moment) {
	k.now.Store(uint64(m.generation)<<40 | uint64(m.epoch)<<8 | uint64(m.open))
}

// NewKeys makes a table for so many users.
func NewKeys(users int) *Keys {
	k := &Keys{words: make([]atomic.Uint64, 2<<bits.Len(uint(max(users, 64)-1)))}
	for s := range k.firsts {
		k.firsts[s] = New(Config{Shards: 1, Blocks: true})
	}
	k.set(moment{epoch: 1, open: 1})
	k.patience.Store(int64(MaxAge))
	return k
}

// Firsts has the first requests of users on a side: first of an epoch as Drawn, first of a component as Pinned. Of the mimics, who are stable's,
// only those of an epoch are in stable's.
func (k *Keys) Firsts(s Side) *Meter { return k.firsts[min(s, StableSide)] }

// MimicFirsts has the mimics' first requests of a component, as Pinned.
func (k *Keys) MimicFirsts() *Meter { return k.firsts[MimicSide] }

// drawn is the cohort of a side's first requests of an epoch.
func (s Side) drawn() Cohort {
	if s == MimicSide {
		return Mimic
	}
	return Drawn
}

// Epoch begins a new one. moved says that the weight has changed: failures of requests that began before it are not counted any more, since
// their users may be on the other side now. Read Users before.
func (k *Keys) Epoch(moved bool) {
	m := k.moment()
	m.epoch++
	if m.epoch&epochMask == 0 { // a word's epoch is never that of a word not in use
		m.epoch++
	}
	if moved {
		m.generation++
	}
	k.set(m)
}

// Open makes the number of open components n, if there are fewer. It begins with 1.
func (k *Keys) Open(n int) {
	if m := k.moment(); n > int(m.open) && n <= MaxComponents {
		m.open = uint8(n)
		k.set(m)
	}
}

// Patience is after how long a request without an end is a failure.
func (k *Keys) Patience(d time.Duration) { k.patience.Store(int64(d)) }

// Trial is a user's request that has begun. It holds no pointer.
type Trial struct {
	hash             uint64
	at               Instant
	generation       uint16
	side             Side
	epoch, component Arrival // zero: not the first
	begun            bool
}

// Begin counts a request of the user in, drawn to the side.
func (k *Keys) Begin(hash uint64, s Side, at Instant) Trial {
	now := k.moment()
	t := Trial{hash: hash, at: at, generation: now.generation, side: s, begun: true}
	firstOfEpoch, firstOfComponent := k.touch(hash, s, now)
	if firstOfEpoch {
		t.epoch = k.Firsts(s).Begin(at, s.drawn(), 0)
	}
	if firstOfComponent {
		t.component = k.firsts[s].Begin(at, Pinned, 0)
	}
	return t
}

// touch puts the user among those at risk, once in an epoch.
func (k *Keys) touch(hash uint64, s Side, now moment) (firstOfEpoch, firstOfComponent bool) {
	for {
		word, old := k.find(hash, now)
		class, component := uint8(0), uint8(0)
		firstOfEpoch = true
		if is(old, hash) {
			class, component = uint8(old&classMask), uint8(old>>classBits)
			firstOfEpoch = uint16(old>>epochShift) != uint16(now.epoch)
			if !firstOfEpoch && component == now.open {
				return false, false
			}
		}
		if !word.CompareAndSwap(old, pack(hash, now, now.open, class)) {
			continue
		}
		if firstOfEpoch {
			k.join(class, s, now.epoch)
		}
		return firstOfEpoch, component != now.open
	}
}

// places of a user: a line of memory.
const places = 8

// find is the user's word, or the one that it may take: the first free one, so that two requests of a new user try the same; else that of
// someone who never failed, best one from an earlier epoch.
func (k *Keys) find(hash uint64, now moment) (word *atomic.Uint64, old uint64) {
	line := k.words[hash*places&uint64(len(k.words)-1):][:places]
	taken := -1
	for i := range line {
		v := line[i].Load()
		if v == 0 || is(v, hash) {
			return &line[i], v
		}
		switch {
		case v&classMask != 0:
		case taken < 0 || uint16(v>>epochShift) != uint16(now.epoch):
			taken = i
		}
	}
	taken = max(taken, 0)
	return &line[taken], line[taken].Load()
}

// is says whether a word in use is the user's.
func is(word, hash uint64) bool { return word != 0 && word>>tagShift == hash>>tagShift }

func pack(hash uint64, now moment, component, class uint8) uint64 {
	return hash>>tagShift<<tagShift | uint64(uint16(now.epoch))<<epochShift | uint64(component)<<classBits | uint64(class)
}

// End counts it out.
func (k *Keys) End(t Trial, o Outcome) {
	if !t.begun {
		return
	}
	k.Firsts(t.side).End(t.epoch, o)
	k.firsts[t.side].End(t.component, o)
	late := o.At.Sub(t.at) > time.Duration(k.patience.Load())
	if !o.Void && (o.Failed || o.Unreachable || late) {
		k.fail(t)
	}
}

// fail moves the user to the class of those that failed in the newest component, once.
func (k *Keys) fail(t Trial) {
	now := k.moment()
	if now.generation != t.generation {
		return
	}
	for {
		word, old := k.find(t.hash, now)
		class := uint8(old & classMask)
		if !is(old, t.hash) || class >= now.open {
			return // thrown out, or has failed already
		}
		if !word.CompareAndSwap(old, pack(t.hash, now, uint8(old>>classBits), now.open)) {
			continue
		}
		k.failed[class][t.side].Add(1)
		if uint16(old>>epochShift) == uint16(now.epoch) {
			riskWord.take(&k.risk[class][t.side], riskWord.tag(int64(now.epoch)), 1)
		}
		k.join(now.open, t.side, now.epoch)
		return
	}
}

const riskWord layout = 1<<32 - 1

func (k *Keys) join(class uint8, s Side, epoch uint32) {
	riskWord.add(&k.risk[class][s], riskWord.tag(int64(epoch)), 1, uint64(riskWord))
}
