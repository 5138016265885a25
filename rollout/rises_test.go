package rollout

import "testing"

func TestABolderRoutingIsOneThatHasToBeOnDiskFirst(t *testing.T) {
	t.Parallel()
	base := Routing{Stable: "stable", Canary: "canary", CanaryWeight: 500, PairWeight: Full, Trial: true, Step: 1}
	for name, tt := range map[string]struct {
		change func(r *Routing)
		want   bool
	}{
		"the same":                       {func(*Routing) {}, false},
		"a hundredth of a percent more":  {func(r *Routing) { r.CanaryWeight++ }, true},
		"a hundredth of a percent less":  {func(r *Routing) { r.CanaryWeight-- }, false},
		"a further backend":              {func(r *Routing) { r.Further = []Share{{"other", 1}} }, true},
		"the next step's rules":          {func(r *Routing) { r.Step++ }, true},
		"the trial's end":                {func(r *Routing) { r.Trial, r.CanaryWeight = false, 0 }, false},
		"the roles exchanged at 100 %":   {func(r *Routing) { r.Stable, r.Canary, r.CanaryWeight, r.Trial = "canary", "stable", 0, false }, true},
		"a rollback with the same rules": {func(r *Routing) { r.CanaryWeight = 0 }, false},
	} {
		after := base
		tt.change(&after)
		if got := rises(&base, &after); got != tt.want {
			t.Errorf("%s: rises = %v, want %v", name, got, tt.want)
		}
	}
}

func TestWeightsThatOverflowAddUpToNothing(t *testing.T) {
	t.Parallel()
	w := at(t, []string{"plan autoStart=false", "boot"})
	c := Command{Verb: "set-weight", Weights: map[string]Weight{"stable": 2 * Full, "canary": 4_294_957_296}}
	if _, _, err := w.try(c); err == nil {
		t.Error("set-weight with weights of which the sum overflows to 100 % was done")
	}
}
