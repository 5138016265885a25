package backend

import (
	"testing"
	"testing/synctest"
	"time"
)

func fail(e *Endpoint, n int) {
	for range n {
		e.Note(true)
	}
}

func TestAnEndpointWhoseRequestsFailInARowIsLeftOutAndComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t, Config{Endpoints: several(2), Outlier: &Outlier{ConsecutiveErrors: 3, EjectFor: time.Second, MaxEjected: 5000}})
		e, other := b.Endpoints()[0], b.Endpoints()[1]
		fail(e, 2)
		e.Note(false)
		fail(e, 2)
		if e.Ejected() {
			t.Fatal("left out after two failures in a row, want three")
		}
		fail(e, 1)
		if !e.Ejected() || b.Pick(0) != other || !b.Available() {
			t.Fatalf("after three failures: Ejected = %v", e.Ejected())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if e.Ejected() {
			t.Error("still left out after ejectFor")
		}
		fail(e, 3)
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if !e.Ejected() {
			t.Error("the second time is no longer than the first")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if e.Ejected() {
			t.Error("still left out after twice ejectFor")
		}
	})
}

func TestTheLastEndpointIsNeverLeftOut(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Config{Endpoints: several(2), Outlier: &Outlier{ConsecutiveErrors: 2, EjectFor: time.Hour, MaxEjected: 10000}})
	one, two := b.Endpoints()[0], b.Endpoints()[1]
	fail(one, 10)
	fail(two, 10)
	if !one.Ejected() || two.Ejected() {
		t.Errorf("ejected: %v, %v; want the first alone", one.Ejected(), two.Ejected())
	}
	two.found(false, false)
	if got := b.Pick(7); got != one {
		t.Errorf("Pick = %v, want the one that is left out, as the other is down", got)
	}
	alone := newBackend(t, Config{Endpoints: several(1), Outlier: &Outlier{ConsecutiveErrors: 2, EjectFor: time.Hour, MaxEjected: 10000}})
	fail(alone.Endpoints()[0], 10)
	if alone.Endpoints()[0].Ejected() || alone.Pick(0) == nil {
		t.Error("the only endpoint was left out")
	}
}

func TestMaxEjectedBoundsHowManyAreLeftOut(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Config{Endpoints: several(4), Outlier: &Outlier{ConsecutiveErrors: 1, EjectFor: time.Hour, MaxEjected: 5000}})
	out := 0
	for _, e := range b.Endpoints() {
		fail(e, 3)
		if e.Ejected() {
			out++
		}
	}
	if out != 2 {
		t.Errorf("%d of 4 are left out, want 2", out)
	}
}

func TestARowOfFailuresThatIsUsualHereLeavesNobodyOut(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Config{Endpoints: several(2), Outlier: &Outlier{ConsecutiveErrors: 5, EjectFor: time.Hour, MaxEjected: 5000}})
	e := b.Endpoints()[0]
	for range 2000 { // half of the requests fail, as they always have
		e.Note(true)
		e.Note(false)
	}
	b.outlier.learn(b.Endpoints())
	fail(e, 15)
	if e.Ejected() {
		t.Error("left out after 15 failures in a row where half of all requests fail")
	}
	fail(e, 10)
	if !e.Ejected() {
		t.Error("not left out after 25 failures in a row")
	}
}
