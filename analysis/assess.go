package analysis

import (
	"math"
	"time"
)

// Assessor judges the attempts of one rollout by its rules. It holds tables and the windows that are shown, all of which can be made again;
// the evidence is in the State. It is for one goroutine.
type Assessor struct {
	rules   Rules
	how     []how
	needs   []thresholds
	digests []string
	clock   clock
	odds    []tables
	shown   []shown
	// stepBegan is the first tick of the windows, requests are the canary's judged ones in them, fault is why some were left out.
	stepBegan int64
	requests  uint64
	fault     string
	// strengths are those of the last look; fresh says that nothing was bet since.
	strengths []strength
	fresh     bool
	age       time.Duration // at which the blocks of the last look were judged
	report    Report
}

// Now is what the plan asks for at the moment of a look.
type Now struct {
	Step        int
	Next        uint16 // the weight after the step, 0 where nothing is to be proven for it
	MinRequests uint64
	// Age at which the blocks were judged: what had not ended then has taken longer. It only shows.
	Age time.Duration
	// Lost blocks since the last look: nobody read them in time.
	Lost int64
}

// New makes an Assessor.
func New(r Rules) *Assessor {
	a := &Assessor{rules: r, needs: r.share(), odds: make([]tables, len(r.Rules)), shown: make([]shown, len(r.Rules))}
	a.clock = r.clock()
	for i := range r.Rules {
		c := &r.Rules[i]
		a.digests = append(a.digests, c.digest(r.Sticky))
		a.how = append(a.how, r.use(i))
		if c.Metric == Latency {
			a.odds[i].prepare(c, r.compares(i))
		}
	}
	a.stepBegan, a.strengths = noTick, make([]strength, len(r.Rules))
	a.report.Findings = make([]Verdict, len(r.Rules))
	return a
}

// clock is the schedule of stakes.
func (r *Rules) clock() clock {
	later := max(r.Steps-1, 1)
	return clock{
		limit: -math.Log(r.alpha()) / 2, plan: later, perNew: stepStake / float64(later),
		perSec: (1 - lump - stepStake) / max(r.Duration, time.Minute).Seconds(),
	}
}

// Restart begins the windows anew: blocks that begin before the tick go on as evidence and are not shown, nor counted towards a pass.
func (a *Assessor) Restart(tick int64) {
	for i := range a.shown {
		if a.how[i].business {
			a.shown[i].users = 0 // its numbers are of the whole attempt
		} else {
			a.shown[i] = shown{}
		}
	}
	a.stepBegan, a.requests, a.fault = tick, 0, ""
}

// shows says that the ticks from first on are in the windows.
func (a *Assessor) shows(first int64) bool { return first >= a.stepBegan }

// begin starts the windows of another step, if a Restart has not put them later.
func (a *Assessor) begin(first int64) {
	if a.stepBegan < first {
		a.Restart(first)
	}
}

// noTick is before all ticks: the windows begin with the first block.
const noTick = math.MinInt64

// use is what rule i's trials are for.
func (r *Rules) use(i int) how {
	c := &r.Rules[i]
	h := how{limited: c.limited(), limit: c.limit(), grid: errorOdds}
	if c.Metric == Conversions {
		h.grid, h.business, h.optional = conversionOdds, true, r.others(i)
	}
	h.sticky = r.Sticky && c.Metric == ErrorRate
	h.compare = r.compares(i) && c.Metric != Latency && !h.sticky
	h.margin, h.fixed = c.margin()
	return h
}

// Assess adds blocks, the oldest first, to the evidence, and says what the rules make of it all. It is a pure function of its arguments but
// for the windows, which hold what this Assessor has seen since the step began; it changes only s. The report is overwritten by the next.
func (a *Assessor) Assess(s *State, blocks []Block, now Now) *Report {
	a.fit(s)
	a.age, a.fresh = now.Age, false
	if !s.Begun {
		clear(a.shown)
	}
	a.report.Faults, a.report.LastFault = int(now.Lost), ""
	if now.Lost > 0 {
		a.report.LastFault, a.fault = faultLost, faultLost
		if s.Begun {
			s.Fold(faultLost)
		}
	}
	for i := range blocks {
		b := &blocks[i]
		if fault := b.fault(s); fault != "" {
			a.report.Faults, a.report.LastFault, a.fault = a.report.Faults+1, fault, fault
			continue
		}
		a.take(s, b)
	}
	a.judge(s, now)
	return &a.report
}

const faultLost = "the judge fell behind: counts were lost"

// take is one block.
func (a *Assessor) take(s *State, b *Block) {
	first := b.Tick - b.length() + 1
	if !s.Begun {
		s.Begun, s.First, s.Weight, s.Step, s.Steps = true, first, b.Weight, b.Step, 1
	}
	moved := b.Weight != s.Weight
	if moved { // a block never spans two weights
		a.at(s, s.Last)
		a.close(s)
	}
	if b.Step != s.Step {
		s.Steps++
		a.begin(first)
	}
	if a.stepBegan == noTick {
		a.stepBegan = first
	}
	if a.shows(first) {
		a.requests += b.Judged.N
	}
	s.Weight, s.Step, s.Last = b.Weight, b.Step, b.Tick
	a.at(s, b.Tick)
	for i := range s.Tests {
		a.prove(&s.Tests[i], i, b)
		a.test(s, i, b)
		a.look(s, i)
	}
	a.fresh = true
}

// look takes the evidence of test i and latches it.
func (a *Assessor) look(s *State, i int) {
	t := &s.Tests[i]
	a.strengths[i] = t.strength(&a.how[i], a.clock.limit)
	t.look(&a.strengths[i], &a.needs[i])
}

// at sets the clock. A process never looks at a second that is over, so a block that closes late bets in the second of its close.
func (a *Assessor) at(s *State, tick int64) {
	a.clock.second, a.clock.steps, a.clock.alone = floorDiv(tick, ticksASecond), s.Steps, s.Weight == 10000
}

func floorDiv(n, d int64) int64 {
	q := n / d
	if n%d < 0 {
		q--
	}
	return q
}

// close ends the open block of every test.
func (a *Assessor) close(s *State) {
	for i := range s.Tests {
		if t := s.Tests[i].Trials; t != nil && t.Open.Canary.N+t.Open.Stable.N+t.OpenJudged.N > 0 {
			if a.how[i].business {
				a.betVisits(&s.Tests[i], i)
			} else {
				t.bet(&a.how[i], &a.clock)
			}
			a.look(s, i)
		}
	}
}
