package rollout

import (
	"context"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"sluice/analysis"
)

// explain finds the evidence or the person for a rise that was decided. watch is held.
func (f *faults) explain(s *State, d *Decision) {
	r := f.plan.Rollout
	person := d.Actor == "ops"
	switch d.Action {
	case "start", "retry":
		if !person && (!r.AutoStart || s.failed(s.Canary.Version)) {
			f.t.Errorf("started %s by itself: tried are %+v", s.Canary.Version, s.Tried)
		}
	case "advance":
		f.proven(s, d)
	case "promote":
		if !person && d.From != Baking && d.Reason != ReasonPromotedVersion {
			f.t.Errorf("promoted by %s: %s", d.Actor, d.Sentence)
		}
	case "resume":
		if d.Reason != ReasonStateReadOnly && (d.Reason != ReasonCanaryUnavailable || s.Step != 1) {
			f.t.Errorf("a resume from %s raised the weight to that of step %d: %s", d.Reason, s.Step, d.Sentence)
		}
	case "approve", "undo", "set-weight":
		if !person {
			f.t.Errorf("%s by %s: %s", d.Action, d.Actor, d.Sentence)
		}
		if d.Action == "approve" {
			f.proven(s, d)
		}
	default:
		f.t.Errorf("%s raised the weight: %s", d.Action, d.Sentence)
	}
	if person {
		if sent, ok := f.commands[d.Action]; !ok || f.now()-sent > time.Minute {
			f.t.Errorf("nobody asked for %s in the last minute: %s", d.Action, d.Sentence)
		}
	}
	if (d.Action == "advance" || d.Action == "approve") && s.Attempt == d.Attempt {
		f.opened(s, d)
	}
}

// proven: a step is left after its hold and its requests, or where the plan or a person goes on without.
func (f *faults) proven(s *State, d *Decision) {
	left := s.Step - 1 // the step that was left
	if left < 1 || d.WeightFrom == 0 {
		return
	}
	step := f.plan.Rollout.Steps[left-1]
	needed := step.Hold
	for _, stop := range f.plan.Rollout.Stops {
		if stop.Before == s.Step && f.planAt < f.weightAt {
			needed += stop.Pause
		}
	}
	if held := f.now() - f.weightAt; held < needed-time.Second {
		f.t.Errorf("step %d was left after %s of %s: %s", left, held, needed, d.Sentence)
	}
	if d.Reason == ReasonInsufficient || f.wentWithout(d) {
		_, approved := f.commands["approve"]
		if f.plan.Rollout.OnInsufficient != OnPromote && !approved {
			f.t.Errorf("went on without evidence: %s", d.Sentence)
		}
		return
	}
	if r := f.plan.Rollout; r.Decision != Manual && f.now()-f.planAt > 10*time.Second { // no write takes longer
		open := func(v Verdict) bool { return !v.DryRun && v.Verdict != analysis.Pass && v.Verdict != Waived }
		if len(d.Checks) < len(r.Rules.Rules) || slices.ContainsFunc(d.Checks, open) {
			f.t.Errorf("step %d was left with %+v: %s", left, d.Checks, d.Sentence)
		}
		f.waived(d)
		if !slices.ContainsFunc(d.Checks, func(v Verdict) bool { return v.Verdict == Waived }) {
			f.enough(s, d)
		}
	}
	if f.served < step.MinRequests {
		f.t.Errorf("step %d was left after %d of %d requests: %s", left, f.served, step.MinRequests, d.Sentence)
	}
}

// wentWithout says that a person or the plan has left the evidence of the step out before its gate was opened.
func (f *faults) wentWithout(d *Decision) bool {
	for _, e := range f.journal.Last("shop", 500) {
		if e.Attempt != d.Attempt || e.WeightTo != e.WeightFrom {
			return false
		}
		if (e.Action == "approve" || e.Action == "hold") && strings.Contains(e.Sentence, "without enough evidence") {
			return true
		}
	}
	return false
}

// opened: each gate before the weight has an approval that was sent for it, in its time, and opens nothing else.
func (f *faults) opened(s *State, d *Decision) {
	for gate, expires := range f.gates(s.Step) {
		if s.Step == 1 && gate == PersonGate && f.startedByHand(s.Attempt) {
			continue
		}
		i := slices.IndexFunc(f.approvals, func(a *asked) bool {
			c := a.command
			// A command may lie behind a slow write. Who loses what was not saved of an approval's age, and the wall clock too, can't know it.
			unknown := f.bootAt > a.at && f.backAt > a.at
			late := expires > 0 && f.now()-a.at > expires+10*time.Second && !unknown
			late = late || expires > 0 && !a.wall.IsZero() && !a.unsure && d.At.Sub(a.wall) > expires+10*time.Second
			return !a.used && !a.refused && !late && c.Attempt == d.Attempt && *c.Step == s.Step-1 && c.Gate == gate
		})
		if i < 0 {
			f.t.Errorf("gate %s before step %d of %s was opened by nobody: %s", gate, s.Step, d.Attempt, d.Sentence)
			continue
		}
		f.approvals[i].used = true
	}
}

// gates before a step, with their expiries, read from the plan by themselves.
func (f *faults) gates(before int) map[string]time.Duration {
	out := map[string]time.Duration{}
	for _, s := range f.plan.Rollout.Stops {
		if s.Before == before && s.Gate != "" {
			out[s.Gate] = s.Expires
		}
	}
	if f.plan.Rollout.Decision == Manual && len(out) == 0 {
		out[PersonGate] = 0
	}
	return out
}

func (f *faults) startedByHand(attempt string) bool {
	return slices.ContainsFunc(f.journal.Last("shop", 500), func(d Decision) bool {
		return d.Attempt == attempt && (d.Action == "start" || d.Action == "retry") && d.Actor == "ops"
	})
}

// approve sends what the status shows, or something that was sent before.
func (f *faults) approve() {
	s := f.control.Status()
	c := Command{Verb: "approve", Attempt: s.Attempt, Step: &s.Step, Gate: s.Gate}
	stale := false
	if n := len(f.approvals); n > 0 && f.random.IntN(3) == 0 {
		c = f.approvals[f.random.IntN(n)].command
		stale = c.Attempt != s.Attempt || *c.Step != s.Step || c.Gate != s.Gate
	}
	if c.Gate == "" || c.Attempt == "" {
		return
	}
	a := &asked{command: c}
	f.watch.Lock()
	a.at = f.now()
	f.approvals = append(f.approvals, a)
	f.commands["approve"] = a.at
	f.watch.Unlock()
	go func() {
		ctx, cancel := context.WithTimeout(f.t.Context(), 5*time.Second)
		defer cancel()
		c.Actor = "ops"
		_, err := f.control.Do(ctx, c)
		f.watch.Lock()
		defer f.watch.Unlock()
		a.wall, a.unsure = f.wall(), f.backAt >= a.at
		a.refused = err != nil && ctx.Err() == nil
		if err == nil && stale {
			f.t.Errorf("a stale approval was taken: %+v at step %d", c, *c.Step)
		}
	}()
	synctest.Wait()
}

// made is a command as a person would give it, who asks now.
func (f *faults) made(verb string) Command {
	c := Command{Verb: verb, Full: f.random.IntN(4) == 0, Actor: "ops"}
	if verb == "set-weight" {
		canary := Weight(f.random.IntN(10001))
		c.Weights = map[string]Weight{"canary": canary, "stable": Full - canary}
	}
	f.watch.Lock()
	f.commands[verb] = f.now()
	f.watch.Unlock()
	return c
}

// tell gives a command as a person who goes away: the answer may come late.
func (f *faults) tell(c Command) (Status, error) {
	ctx, cancel := context.WithTimeout(f.t.Context(), 5*time.Second)
	defer cancel()
	return f.control.Do(ctx, c)
}

func (f *faults) command(verb string) {
	c := f.made(verb)
	go func() {
		_, err := f.tell(c)
		if verb == "abort" && err == nil && f.control.Routing().Trial && f.control.Status().Outcome != "" {
			f.t.Errorf("after an abort the routing is %+v", f.control.Routing())
		}
	}()
	synctest.Wait()
	if s := f.control.Status(); verb == "abort" && (f.control.Routing().Trial || s.Phase == Progressing || s.Phase == Baking || s.Phase == Waiting) {
		f.t.Errorf("at once after an abort: %s, routing %+v", s.Phase, f.control.Routing())
	}
}

// die lets the canary fail everything: in every mode, whatever the disk does, it is off the traffic within two looks.
func (f *faults) die() {
	f.pass(3 * time.Second) // beyond abortOn's window
	f.mu.Lock()
	up := !f.down["stable"] && !f.down["canary"]
	f.mu.Unlock()
	if !up || f.now()-f.sickAt < 5*time.Second {
		return
	}
	missed := false
	for range 5 { // a write that returns, or stable's recovery, begins the numbers anew
		before, decided := f.control.Routing(), f.control.Status().LastDecision
		if !before.Trial || before.CanaryWeight == 0 {
			return
		}
		f.count("stable", 40, 0)
		f.count("canary", 400, 400)
		f.pass(400 * time.Millisecond)
		if r, d := f.control.Routing(), f.control.Status().LastDecision; !r.same(&before) || d != decided {
			continue
		}
		if !missed { // what arrives in the block in which a weight began is counted to none
			missed = true
			continue
		}
		f.t.Errorf("a dead canary is still at %s in %s: %+v", before.CanaryWeight, f.control.Status().Phase, f.control.Status().Checks)
		return
	}
}

// change reloads with other versions, steps, gates or modes.
func (f *faults) change() {
	p := f.plan
	r := *p.Rollout
	p.Rollout = &r
	versions := []string{"1.0", "1.1", "1.2", "1.3"}
	p.Backends = append([]Backend(nil), p.Backends...)
	switch f.random.IntN(5) {
	case 0:
		p.Backends[f.random.IntN(2)].Version = versions[f.random.IntN(4)]
	case 1:
		low, high := Weight(100+f.random.IntN(2000)), Weight(3000+f.random.IntN(5000))
		r.Steps = []Step{{Weight: low, Hold: 5 * time.Second, MinRequests: 10}, {Weight: high, Hold: 5 * time.Second, MinRequests: 10}}
	case 2:
		r.BakeStable = Weight(f.random.IntN(1000))
	case 3:
		r.Stops = f.stops()
	case 4:
		r.Decision = []string{Auto, Manual, Hybrid}[f.random.IntN(3)]
	}
	before := f.control.Status().Weight
	f.watch.Lock()
	old := f.plan
	f.plan, f.planAt = p, f.now()
	f.watch.Unlock()
	if err := f.control.SetPlan(f.t.Context(), p); err != nil {
		f.watch.Lock()
		f.plan = old
		f.watch.Unlock()
		return
	}
	if s := f.control.Status(); s.Weight > before && s.Phase != Succeeded && f.control.state.Manual == nil && before != 0 {
		f.t.Errorf("a reload raised the weight from %s to %s in %s", before, s.Weight, s.Phase)
	}
}

func (f *faults) last() *Decision {
	if all := f.journal.Last("shop", 1); len(all) > 0 {
		return &all[0]
	}
	return nil
}

// follow: the events of this process are a chain, and the phase that is shown is where the last one leads.
func (f *faults) follow() {
	synctest.Wait()
	all := f.journal.Last("shop", 200)
	var fresh []Decision
	for _, d := range all {
		if f.newest != nil && d.Seq == f.newest.Seq && d.At.Equal(f.newest.At) {
			break
		}
		fresh = append(fresh, d)
	}
	slices.Reverse(fresh)
	for _, d := range fresh {
		if d.From != f.phase {
			f.t.Errorf("an event from %s after one to %s: %+v", d.From, f.phase, d)
		}
		if d.Sentence == "" || d.Action == "" || d.Actor == "" || d.Route == "" {
			f.t.Errorf("an event that explains nothing: %+v", d)
		}
		f.phase, f.newest = d.To, &d
	}
	if s := f.control.Status(); s.Phase != f.phase {
		f.t.Errorf("the phase is %s, the last event led to %s: %+v", s.Phase, f.phase, f.newest)
	}
}
