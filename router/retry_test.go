package router

import (
	"testing"
	"time"

	"sluice/metrics"
)

func TestABudgetAllowsAShareOfTheLastRequests(t *testing.T) {
	t.Parallel()
	b := Budget{Share: 2000}
	at := metrics.Instant(100 * time.Second)
	take := func(now metrics.Instant, n int) (taken int) {
		for range n {
			if b.Take(now) {
				taken++
			}
		}
		return taken
	}
	if got := take(at, 10); got != budgetFree {
		t.Errorf("%d retries without requests, want %d", got, budgetFree)
	}
	for i := range 100 {
		b.Count(at.Add(time.Duration(i) * 50 * time.Millisecond))
	}
	now := at.Add(5 * time.Second)
	if got := take(now, 100); got != 20-budgetFree {
		t.Errorf("%d more retries after 100 requests, want %d", got, 20-budgetFree)
	}
	if got := take(now.Add(30*time.Second), 10); got != budgetFree {
		t.Errorf("%d retries long after, want %d", got, budgetFree)
	}
}
