package proxy

import (
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

// A connection that has asked and waits goes on with a new goroutine, whose stack has not grown, and answers as before.
func TestAConnectionThatWaitsLongGoesOnWithASmallStack(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchOptions{}, newOrigin(t, always(okAnswer)).url)
	conn, answers := b.dial()
	for range 2 {
		if _, err := io.WriteString(conn, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(answer.Body); err != nil {
			t.Fatal(err)
		}
		var stretched []bool
		b.server.each(func(c *client) { stretched = append(stretched, c.stretched.Load()) })
		if len(stretched) != 1 || !stretched[0] {
			t.Errorf("connections with a grown stack after a request: %v, want the only one", stretched)
		}
		eventually(t, "a new goroutine waits", func() bool {
			waits := false
			b.server.each(func(c *client) { waits = c.rest.Load() == resting && !c.stretched.Load() })
			return waits
		})
	}
}

// Requests that come just then are answered, once.
func TestNoRequestIsLostToARenewal(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchOptions{}, newOrigin(t, always(okAnswer)).url)
	seed := rand.Uint64()
	done := make(chan struct{})
	var all, renewing sync.WaitGroup
	renewing.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(50 * time.Microsecond):
				b.server.each((*client).nudge)
			}
		}
	})
	for i := range 8 {
		all.Go(func() {
			if err := b.insist(rand.New(rand.NewPCG(seed, uint64(i))), 300); err != nil {
				t.Errorf("seed %d, client %d: %v", seed, i, err)
			}
		})
	}
	all.Wait()
	close(done)
	renewing.Wait()
}
