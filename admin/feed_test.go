package admin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// tap is a client whose writes wait while it is closed.
type tap struct {
	http.ResponseWriter
	mu      sync.Mutex
	written strings.Builder
	open    chan struct{}
}

func (p *tap) Write(b []byte) (int, error) {
	<-p.open
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written.Write(b)
}

func (p *tap) Flush() {}

func (p *tap) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written.String()
}

func TestASlowClientIsDroppedAndToldWhyAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Server{feed: newFeed(nil)}
		slow := &tap{ResponseWriter: httptest.NewRecorder(), open: make(chan struct{})}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.events(slow, httptest.NewRequest(http.MethodGet, "/api/v1/events", http.NoBody))
		}()
		synctest.Wait()
		for range watcherBuffer + 10 {
			s.feed.mu.Lock()
			s.feed.tell(nil, []RouteChange{{Route: "shop"}})
			s.feed.mu.Unlock()
		}
		close(slow.open)
		<-done
		got := slow.text()
		if n := strings.Count(got, "event: change"); n != watcherBuffer {
			t.Errorf("the slow client got %d changes, want the %d of its buffer", n, watcherBuffer)
		}
		if !strings.HasSuffix(got, "\n\n") || !strings.Contains(got[strings.LastIndex(got, "event: "):], "reads too slowly") {
			t.Errorf("the stream ends %q, want the reason", got[max(0, len(got)-200):])
		}
		if len(s.feed.watchers) != 0 {
			t.Errorf("%d watchers are left, want none", len(s.feed.watchers))
		}
	})
}

func TestAQuietStreamHasHeartbeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Server{feed: newFeed(nil)}
		client := &tap{ResponseWriter: httptest.NewRecorder(), open: make(chan struct{})}
		close(client.open)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.events(client, httptest.NewRequest(http.MethodGet, "/api/v1/events", http.NoBody).WithContext(ctx))
		}()
		time.Sleep(4*heartbeat + time.Second) // of the test's own clock
		cancel()
		<-done
		if n := strings.Count(client.text(), ": heartbeat\n\n"); n != 4 {
			t.Errorf("%d heartbeats in four times their interval, want 4", n)
		}
	})
}

func TestTheNumberOfStreamsIsBounded(t *testing.T) {
	t.Parallel()
	f := newFeed(nil)
	for range watchersMost {
		if _, _, refused := f.join(0, false); refused != nil {
			t.Fatalf("join = %v before there are %d", refused, watchersMost)
		}
	}
	if _, _, refused := f.join(0, false); refused == nil || refused.Status != http.StatusServiceUnavailable {
		t.Errorf("join beyond the bound = %v, want 503", refused)
	}
}
