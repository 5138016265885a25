package e2e

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/internal/testkit"
)

// A machine that is suspended, moved or starved stands still for a while. Every timeout of that while is over when it goes on, but those
// who were waited for have long answered: nobody is told that a backend was late.
//
// It has the package to itself: beside many others a backend may truly be late.
func TestAProcessThatStoodStillBlamesNoBackend(t *testing.T) {
	stable, canary := pair(t)
	proxy := testkit.Start(t, fmt.Sprintf(`routes:
  - name: shop
    backends:
      stable: {endpoints: [%q], connections: {maxIdlePerEndpoint: 0}, timeouts: {connect: 1s, firstByte: 1s}}
      canary: {endpoints: [%q], connections: {maxIdlePerEndpoint: 0}, timeouts: {connect: 1s, firstByte: 1s}}
    weights: {stable: 50, canary: 50}
`, stable.URL, canary.URL))
	var (
		done   = make(chan struct{})
		all    sync.WaitGroup
		good   atomic.Int64
		client = &http.Client{Timeout: testkit.Patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	)
	defer client.CloseIdleConnections()
	for range 16 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				answer, err := client.Get("http://" + proxy.Web + "/")
				if err != nil {
					t.Error(err)
					return
				}
				page, _ := io.ReadAll(answer.Body)
				_ = answer.Body.Close()
				if answer.StatusCode != http.StatusOK {
					t.Errorf("%d: %s", answer.StatusCode, page)
					return
				}
				good.Add(1)
			}
		})
	}
	for range 3 {
		before := good.Load()
		testkit.Until(t, testkit.Patience, "answers", func() (bool, any) { return good.Load() > before+100, good.Load() })
		proxy.Signal(t, syscall.SIGSTOP)
		time.Sleep(1400 * time.Millisecond) // beyond every timeout: nothing in the process can tell that it is over
		proxy.Signal(t, syscall.SIGCONT)
	}
	before := good.Load()
	testkit.Until(t, testkit.Patience, "answers after the last stop", func() (bool, any) { return good.Load() > before+100, good.Load() })
	close(done)
	all.Wait()
}
