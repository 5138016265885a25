package app

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"sluice/rollout"
)

// A new version is another backend, and what the old one still has in flight is what its end waits for.
func TestAnAttemptThatIsSupersededWaitsForTheOldVersionsRequests(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		select {
		case arrived <- struct{}{}:
		default:
		}
		<-release
	}))
	t.Cleanup(canary.Close)
	var once sync.Once
	finish := func() { once.Do(func() { close(release) }) }
	t.Cleanup(finish)
	stable := origin(t, "one")
	body := func(version int) string {
		return fmt.Sprintf(`routes:
  - name: shop
    backends:
      stable: {endpoints: [%q], version: "1"}
      canary: {endpoints: [%q], version: "%d"}
    rollout: {steps: [99%%], hold: 1h, bakeStable: 0%%, autoStart: %v, analysis: {checks: [{metric: error-rate, max: 5%%}]}}
`, stable, canary.URL, version, version == 2)
	}
	r := start(t, body(2))
	until(t, "on trial", func() bool { return r.Routes()[0].Backends[1].Weight == 9900 })
	var all sync.WaitGroup
	defer all.Wait()
	defer finish()
	for range 4 { // one in a hundred is stable's
		all.Go(func() { r.get(t) })
	}
	<-arrived
	r.set(body(3))
	if _, err := r.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	status := func() rollout.Status { return r.Routes()[0].Control.Status() }
	before := status().LastDecision.Seq
	r.set(body(3) + "# the same\n")
	if _, err := r.Reload(context.Background()); err != nil { // another reload forgets nothing
		t.Fatal(err)
	}
	p := (*r.parts.Load())["shop"]
	if s := status(); s.Phase != rollout.RollingBack || p.inFlight("canary") == 0 {
		t.Errorf("after the reload it is %s with %d in flight, want RollingBack until they are done", s.Phase, p.inFlight("canary"))
	}
	finish()
	until(t, "superseded", func() bool { s := status(); return s.Phase != rollout.RollingBack && s.LastDecision.Seq >= before })
	until(t, "nothing in flight", func() bool { return p.inFlight("canary") == 0 })
}
