package testkit

import (
	"testing"
	"time"
)

// Until asks again and again until done says true, and fails the test after the time given. what says what was waited for, and done may
// add the state it found.
func Until(t testing.TB, most time.Duration, what string, done func() (ok bool, found any)) {
	t.Helper()
	ok, found := poll(most, done)
	if !ok {
		t.Fatalf("waited %v for %s, in vain; found at last: %v", most, what, found)
	}
}

func poll(most time.Duration, done func() (bool, any)) (bool, any) {
	const every = 10 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for end := time.Now().Add(most); ; <-tick.C {
		ok, found := done()
		if ok || time.Now().After(end) {
			return ok, found
		}
	}
}
