package rollout

import "testing"

func TestThePairOfAnAttemptStaysWhenTheRolesAreExchanged(t *testing.T) {
	t.Parallel()
	one, two := Role{Backend: "stable", Version: "1"}, Role{Backend: "canary", Version: "2"}
	for _, s := range []Status{{Phase: Baking, Stable: one, Canary: two}, {Phase: Succeeded, Stable: two, Canary: one}} {
		if stable, onTrial := s.Pair(); stable != one || onTrial != two {
			t.Errorf("in %s: Pair = %v, %v; want %v, %v", s.Phase, stable, onTrial, one, two)
		}
	}
}
