package app

import (
	"sync"
	"time"
)

// seldom lets one line through in a while for each of the things that lines are about: anyone can cause them, or each request does.
type seldom struct {
	every time.Duration

	mu   sync.Mutex
	last map[string]*lastLine
}

type lastLine struct {
	at     time.Time
	silent int // since then
}

// maxTold bounds what is remembered.
const maxTold = 256

// allows says whether a line about this may be written now, and how many were not since the last one.
func (s *seldom) allows(about string, now time.Time) (others int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.last[about]
	if t == nil {
		if s.last == nil || len(s.last) == maxTold {
			s.last = map[string]*lastLine{}
		}
		s.last[about] = &lastLine{at: now}
		return 0, true
	}
	if now.Sub(t.at) < s.every {
		t.silent++
		return 0, false
	}
	others = t.silent
	*t = lastLine{at: now}
	return others, true
}
