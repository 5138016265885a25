package rollout

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// hooksOf reads a plan's webhooks in a script: types, which are the names too; "none" is none.
func hooksOf(types string) []Hook {
	var out []Hook
	for t := range strings.SplitSeq(types, ",") {
		if t != "none" {
			out = append(out, Hook{Name: t, Type: HookType(t)})
		}
	}
	return out
}

// answer is a webhook's: `answer pre-rollout fail 500: broken`. It is to the present step; `answer stale` is to the one before, and what
// is asked after it is shown.
func (w *world) answer(args []string) error {
	if len(args) < 2 || args[1] != "pass" && args[1] != "fail" && args[1] != "stale" {
		return fmt.Errorf("answer HOOK pass|fail|stale [DETAIL…], not %q", args)
	}
	a := Answer{
		Attempt: w.state.Attempt, Step: w.state.Step, Hook: args[0], Passed: args[1] != "fail", Detail: strings.Join(args[2:], " "),
	}
	if args[1] == "stale" {
		a.Step--
	}
	in := w.base()
	in.Answer = &a
	s, decisions, err := Next(&w.plan, w.state, &in)
	w.become(s, decisions)
	var asked []string
	for _, q := range Questions(&w.plan, &w.state) {
		asked = append(asked, q.Hook+q.Gate)
	}
	fmt.Fprintf(&w.out, "asked: %s\n", strings.Join(asked, " "))
	return err
}

func TestAnAnswerThatRollsBackWaitsForNoStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plan.Rollout.Hooks = hooksOf("rollback")
		b.start()
		defer b.stop()
		b.pass(200 * time.Millisecond)
		questions := b.control.Questions()
		if len(questions) != 1 || questions[0].Hook != "rollback" {
			t.Fatalf("Questions() = %+v, want rollback alone", questions)
		}
		b.store.set(4*time.Second, nil) // a disk that hangs
		a := Answer{Attempt: questions[0].Attempt, Hook: "rollback", Passed: true}
		if err := b.control.Answer(t.Context(), a); err != nil {
			t.Fatalf("Answer = %v", err)
		}
		if s := b.control.Status(); s.Phase != RollingBack || s.Weight != 0 || s.Reason != ReasonWebhook {
			t.Errorf("after the answer: %s weight %s reason %q, want RollingBack at 0%% for webhook", s.Phase, s.Weight, s.Reason)
		}
	})
}
