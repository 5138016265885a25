package rollout

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// places are the phases that a rollout can be in, with the reasons of a pause, how to get there, and the commands that are allowed there.
// Everything else is refused.
var places = []struct {
	name    string
	script  []string
	allowed string
}{
	{"Idle", []string{"plan autoStart=false", "boot"}, "start set-weight"},
	{"Waiting for health", []string{"down canary", "boot", "tick 1s"}, "pause abort"},
	{"Waiting for a gate", []string{"plan steps=5%,gate:qa,25%", "traffic stable 95/s", "traffic canary 5/s", "boot", "tick 11m"}, "pause approve promote full abort"},
	{"Waiting for a person", []string{"plan decision=manual", "boot", "tick 1s"}, "pause approve promote full abort"},
	{"Progressing", []string{"boot", "tick 1s"}, "pause promote full abort"},
	{"Progressing without requests", []string{"boot", "tick 11m"}, "pause promote full abort"},
	{
		"Progressing without evidence",
		[]string{"plan minRequests=20", "traffic stable 100/s", "boot", "tick 11m", "counts canary errors=0/30 over=10s"},
		"pause promote full abort",
	},
	{"Paused(User)", []string{"boot", "tick 1s", "command pause"}, "resume promote full abort"},
	{
		"Paused(CheckFailed)",
		[]string{"plan decision=hybrid", "traffic stable 95/s", "boot", "tick 1s", "counts canary errors=40/100 over=5s"},
		"resume approve promote full abort",
	},
	{
		"Paused(Insufficient)",
		[]string{"plan onInsufficient=pause", "boot", "tick 41m"},
		"resume approve promote full abort",
	},
	{
		"Paused(Insufficient)",
		[]string{"plan steps=5%,gate:qa:1m,25%", "traffic stable 95/s", "traffic canary 5/s", "boot", "tick 13m"},
		"resume promote full abort",
	},
	{
		"Paused(StableUnhealthy)",
		[]string{"traffic stable 50/s errors=20%", "boot", "tick 1s", "counts canary errors=40/200 over=8s"},
		"promote full abort",
	},
	{"Paused(StableUnavailable)", []string{"boot", "tick 1s", "down stable"}, "promote full abort"},
	{"Paused(CanaryUnavailable)", []string{"boot", "tick 1s", "down canary"}, "abort"},
	{"Paused(StateReadOnly)", []string{"boot", "tick 1s", "boot read-only"}, "abort"},
	{"Paused(StateLost)", []string{"boot", "tick 1s", "boot lost"}, "start abort"},
	{"Paused(RolesUnclear)", []string{"plan autoStart=false", "boot", "plan stable=0.9", "boot"}, "resume"},
	{"Baking", []string{"plan steps=", "boot", "tick 1s"}, "pause full abort"},
	{"Paused(User)", []string{"plan steps=", "boot", "tick 1s", "command pause"}, "resume full abort"},
	{"RollingBack", []string{"boot", "tick 1s", "in-flight 1", "command abort"}, "abort"},
	{"Failed", []string{"traffic stable 95/s", "boot", "tick 1s", "counts canary errors=40/100 over=5s"}, "retry set-weight"},
	{"Aborted", []string{"boot", "tick 1s", "command abort", "tick 1s"}, "abort retry set-weight"},
	{"Superseded", []string{"boot", "tick 1s", "reload canary=1.2", "tick 1s"}, "start set-weight"},
	{"Succeeded", []string{"plan steps= bake=0s", "boot", "tick 1s"}, "start undo set-weight"},
}

func at(t *testing.T, script []string) *world {
	t.Helper()
	w := newWorld()
	for _, line := range script {
		words := strings.Fields(line)
		if err := w.do(words[0], words[1:]); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return w
}

// try steps the engine by a command and keeps nothing of it.
func (w *world) try(c Command) (State, []Decision, error) {
	in := w.base()
	in.Command = &c
	return Next(&w.plan, w.state, &in)
}

// right is the command as a person sends it who has just looked at the status.
func (w *world) right(verb string) Command {
	st := StatusOf(&w.plan, &w.state)
	c := Command{Verb: verb, Attempt: st.Attempt, Step: &st.Step, Gate: st.Gate, Actor: "ops"}
	switch verb {
	case "approve":
		if c.Gate == "" {
			c.Gate = "qa"
		}
		if c.Attempt == "" {
			c.Attempt = "01J0000000000000000000000A"
		}
	case "start":
		if w.state.Phase == Succeeded { // what is on the free backend was taken out of service
			c.Version = "2.0"
		}
	case "full":
		c.Verb, c.Full = "promote", true
	case "set-weight":
		c.Weights = map[string]Weight{"stable": 7500, "canary": 2500}
	}
	return c
}

var verbs = []string{"start", "pause", "resume", "approve", "promote", "full", "abort", "retry", "undo", "set-weight"}

func TestACommandIsDoneInItsPhasesAndRefusedInAllOthers(t *testing.T) {
	t.Parallel()
	for _, place := range places {
		w := at(t, place.script)
		if !strings.HasPrefix(w.where(), strings.Split(place.name, " ")[0]) {
			t.Errorf("%s: the script leads to %s", place.name, w.where())
			continue
		}
		for _, verb := range verbs {
			after, decisions, err := w.try(w.right(verb))
			if slices.Contains(strings.Fields(place.allowed), verb) {
				if err != nil {
					t.Errorf("%s in %s = %v, want it done", verb, place.name, err)
				}
				continue
			}
			var refused *Refused
			if !errors.As(err, &refused) || len(decisions) > 0 {
				t.Errorf("%s in %s = %v with %d decisions, want *Refused", verb, place.name, err, len(decisions))
			}
			if diff := cmp.Diff(w.state, after); diff != "" {
				t.Errorf("%s in %s changed the state: %s", verb, place.name, diff)
			}
		}
	}
}

// where is the phase, with the reason of a pause.
func (w *world) where() string {
	if w.state.Phase == Paused {
		return "Paused(" + w.state.Reason + ")"
	}
	return string(w.state.Phase)
}

func TestACommandForAnotherAttemptOrStepChangesNothingInAnyPhase(t *testing.T) {
	t.Parallel()
	other := 7
	for _, place := range places {
		w := at(t, place.script)
		for _, verb := range verbs {
			if verb == "set-weight" {
				continue // it is about no attempt
			}
			stale, late := w.right(verb), w.right(verb)
			stale.Attempt = "01J0000000000000000000000A"
			late.Step = &other
			for _, c := range []Command{stale, late} {
				after, _, err := w.try(c)
				var refused *Refused
				if !errors.As(err, &refused) {
					t.Errorf("%s in %s for another attempt or step = %v, want *Refused", verb, place.name, err)
				}
				if diff := cmp.Diff(w.state, after); diff != "" {
					t.Errorf("%s in %s changed the state: %s", verb, place.name, diff)
				}
			}
		}
	}
}

func TestACommandThatIsUnderstoodByNobodyIsInvalidInEveryPhase(t *testing.T) {
	t.Parallel()
	for _, place := range places {
		w := at(t, place.script)
		approve := w.right("approve")
		bad := []Command{{Verb: "dance"}, {Verb: ""}, {Verb: "approve"}, {Verb: "set-weight"}, {Verb: "set-weight", Weights: map[string]Weight{"green": Full}}}
		for _, without := range []func(*Command){
			func(c *Command) { c.Attempt = "" }, func(c *Command) { c.Step = nil }, func(c *Command) { c.Gate = "" },
		} {
			c := approve
			without(&c)
			bad = append(bad, c)
		}
		for _, c := range bad {
			after, _, err := w.try(c)
			var invalid *Invalid
			if !errors.As(err, &invalid) {
				t.Errorf("%+v in %s = %v, want *Invalid", c, place.name, err)
			}
			if diff := cmp.Diff(w.state, after); diff != "" {
				t.Errorf("%+v in %s changed the state: %s", c, place.name, diff)
			}
		}
	}
}

// Every reason that a pause can have is in places, and every waitingFor.
func TestEveryReasonAndEveryWaitHasItsScript(t *testing.T) {
	t.Parallel()
	reasons, waits := map[string]bool{}, map[string]bool{"": true}
	for _, place := range places {
		w := at(t, place.script)
		reasons[w.state.Reason] = true
		waits[StatusOf(&w.plan, &w.state).WaitingFor] = true
	}
	for _, reason := range []string{
		ReasonUser, ReasonInsufficient, ReasonCheckFailed, ReasonCanaryUnavailable, ReasonStableUnavailable, ReasonStableUnhealthy,
		ReasonStateLost, ReasonStateReadOnly, ReasonRolesUnclear,
	} {
		if !reasons[reason] {
			t.Errorf("no place is Paused(%s)", reason)
		}
	}
	for _, wait := range []string{"hold", "requests", "evidence", "gate", "person", "health"} {
		if !waits[wait] {
			t.Errorf("no place waits for %s", wait)
		}
	}
}

// Every reason that an attempt can end for, or be changed for, heads a decision of some script.
func TestEveryReasonOfADecisionHasItsScript(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var scripts strings.Builder
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		scripts.Write(b)
	}
	for action, reasons := range map[string][]string{
		"rollback":  {"error-rate", "latency-p95", ReasonAbortOn, ReasonUnreachable, ReasonUnavailable},
		"abort":     {ReasonUser, ReasonConfigRemoved},
		"supersede": {ReasonNewVersion},
		"promote":   {ReasonUser, ReasonPromotedVersion},
		"undo":      {ReasonUser},
		"advance":   {ReasonInsufficient, "health"},
		"hold":      {ReasonInsufficient, ReasonSampleRatio, "gate", "person", "pause"},
		"approve":   {ReasonCheckFailed, ReasonInsufficient, "gate", "person"},
		"start":     {"gate", "person", "pause", "health"},
		"resume": {
			ReasonUser, ReasonInsufficient, ReasonCheckFailed, ReasonCanaryUnavailable, ReasonStableUnavailable, ReasonStableUnhealthy,
			ReasonStateReadOnly, ReasonRolesUnclear,
		},
	} {
		for _, reason := range reasons {
			if !regexp.MustCompile(`(?m)^` + action + `: .* → .* \(` + regexp.QuoteMeta(reason) + `\)`).MatchString(scripts.String()) {
				t.Errorf("no script has a decision to %s for %s", action, reason)
			}
		}
	}
}
