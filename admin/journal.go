package admin

import (
	"maps"
	"sync"
	"time"

	"sluice/rollout"
)

// journalDepth is how many decisions are looked at between two scrapes; more than that in one interval are not counted.
const journalDepth = 500

// journal turns routes' decisions into counters: at each reading it counts those that are new since the last one.
type journal struct {
	start time.Time // what was decided before is the count of another process

	mu     sync.Mutex // scrapes may overlap
	routes map[string]*tally
}

// tally is what was counted of one route.
type tally struct {
	changes  map[phaseChange]uint64
	outcomes map[rollout.Outcome]uint64
	newest   mark
}

type phaseChange struct {
	from, to rollout.Phase
	reason   string
}

// mark tells decisions of one route apart: seq begins anew when a route's state was deleted.
type mark struct {
	seq uint64
	at  int64
}

func newJournal(start time.Time) *journal {
	return &journal{start: start, routes: map[string]*tally{}}
}

// read counts what is new and returns a copy of the route's counts.
func (j *journal) read(r Route) tally {
	status, decisions := r.Control.Status(), r.Control.Decisions(journalDepth)
	j.mu.Lock()
	defer j.mu.Unlock()
	t := j.routes[r.Name]
	if t == nil {
		t = &tally{changes: map[phaseChange]uint64{}, outcomes: map[rollout.Outcome]uint64{}}
		j.routes[r.Name] = t
	}
	for _, d := range decisions {
		if d.At.Before(j.start) || markOf(d) == t.newest {
			break
		}
		t.count(d, status)
	}
	if len(decisions) > 0 {
		t.newest = markOf(decisions[0])
	}
	return tally{changes: maps.Clone(t.changes), outcomes: maps.Clone(t.outcomes)}
}

func markOf(d rollout.Decision) mark {
	return mark{seq: d.Seq, at: d.At.UnixNano()}
}

func (t *tally) count(d rollout.Decision, now rollout.Status) {
	if d.From == d.To {
		return
	}
	t.changes[phaseChange{d.From, d.To, d.Reason}]++
	if o := outcomeOf(d, now); o != "" {
		t.outcomes[o]++
	}
}

// outcomeOf is how a decision ended its attempt, "" when it did not. The journal does not say whether a promotion was a fast one; the
// state does, until the next attempt.
func outcomeOf(d rollout.Decision, now rollout.Status) rollout.Outcome {
	switch d.To {
	case rollout.Failed:
		return rollout.RolledBack
	case rollout.Aborted:
		return rollout.OutcomeAborted
	case rollout.Superseded:
		return rollout.OutcomeSuperseded
	case rollout.Succeeded:
		if now.Attempt == d.Attempt && now.Outcome != "" {
			return now.Outcome
		}
		return rollout.Promoted
	default:
		return ""
	}
}
