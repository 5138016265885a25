package app

import (
	"fmt"
	"testing"
	"time"
)

func TestOneLineInAWhileAboutEachThing(t *testing.T) {
	t.Parallel()
	s := &seldom{every: 10 * time.Second}
	begin := time.Now()
	for _, c := range []struct {
		after  time.Duration
		about  string
		ok     bool
		others int
	}{
		{0, "a", true, 0},
		{time.Second, "a", false, 0},
		{2 * time.Second, "b", true, 0},
		{9 * time.Second, "a", false, 0},
		{10 * time.Second, "a", true, 2},
		{11 * time.Second, "b", false, 0},
		{30 * time.Second, "a", true, 0},
	} {
		if others, ok := s.allows(c.about, begin.Add(c.after)); ok != c.ok || others != c.others {
			t.Errorf("after %v, about %s: %v with %d others, want %v with %d", c.after, c.about, ok, others, c.ok, c.others)
		}
	}
	for i := range 10 * maxTold {
		s.allows(fmt.Sprint(i), begin)
	}
	if len(s.last) > maxTold {
		t.Errorf("%d things are remembered, want %d at most", len(s.last), maxTold)
	}
}
