package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// onDisk is the committed state; ok is false where there is none.
func (c *chaos) onDisk() (s rollout.State, ok bool) {
	b, err := os.ReadFile(filepath.Join(c.proxy.StateDir, "shop.json"))
	if err != nil {
		return s, false
	}
	var e struct{ Value rollout.State }
	if err := json.Unmarshal(b, &e); err != nil {
		c.t.Errorf("the state is torn: %v", err)
		return s, false
	}
	return e.Value, true
}

// look compares the traffic of a while in which nothing was decided with what the API shows.
func (c *chaos) look() {
	before := c.proxy.Route(c.t, "shop")
	from := time.Now()
	time.Sleep(200 * time.Millisecond)
	seen, canary := c.load.since(from, before.Rollout.Canary.Backend)
	after := c.proxy.Route(c.t, "shop")
	if before.Generation != after.Generation || seqOf(before.Rollout) != seqOf(after.Rollout) || seen == 0 {
		return
	}
	c.done["look"]++
	if after.Rollout.Outcome == rollout.Promoted || after.Rollout.Outcome == rollout.FastPromoted {
		c.done["promotion"]++
	}
	share := after.Backend(after.Rollout.Canary.Backend).Weight / 100
	sd := math.Sqrt(share * (1 - share) * float64(seen))
	if math.Abs(float64(canary)-share*float64(seen)) > 6*sd+1e-9+3*share*(1-share) {
		c.t.Errorf("%d of %d requests reached %s, whose weight is %.0f %%: %s",
			canary, seen, after.Rollout.Canary.Backend, 100*share, testkit.Brief(*after.Rollout))
	}
	if d := after.Rollout.LastDecision; d != nil && d.Sentence == "" {
		c.t.Errorf("a decision without a sentence: %+v", *d)
	}
}

func seqOf(s *rollout.Status) uint64 {
	if s.LastDecision == nil {
		return 0
	}
	return s.LastDecision.Seq
}

// chaosLoad asks at a rate, and keeps who answered each request.
type chaosLoad struct {
	url    string
	client *http.Client
	epoch  atomic.Uint64 // odd while the proxy is down
	ended  chan struct{}
	all    sync.WaitGroup

	mu      sync.Mutex
	answers []chaosAnswer
	sent    int
	inKill  int
	lost    []string
}

type chaosAnswer struct {
	began time.Time
	by    string
}

func startChaosLoad(address string, perSecond float64) *chaosLoad {
	l := &chaosLoad{
		url: "http://" + address + "/", ended: make(chan struct{}),
		client: &http.Client{Timeout: testkit.Patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	l.all.Go(func() {
		ticker := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
		defer ticker.Stop()
		for {
			select {
			case <-l.ended:
				return
			case <-ticker.C:
				l.all.Go(l.ask)
			}
		}
	})
	return l
}

func (l *chaosLoad) ask() {
	epoch, began := l.epoch.Load(), time.Now()
	by, err := l.get()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
	switch {
	case err == nil:
		l.answers = append(l.answers, chaosAnswer{began, by})
		if len(l.answers) > 20_000 {
			l.answers = l.answers[10_000:]
		}
	case epoch%2 == 1 || epoch != l.epoch.Load():
		l.inKill++
	default:
		l.lost = append(l.lost, fmt.Sprintf("%s: %v", began.Format(time.StampMilli), err))
	}
}

// get is who answered. A 500 of an origin is an answer, one of the proxy is a loss.
func (l *chaosLoad) get() (string, error) {
	answer, err := l.client.Get(l.url)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	by := answer.Header.Get(testkit.ServedBy)
	if by == "" {
		return "", fmt.Errorf("by the proxy itself: %s", page)
	}
	return by, nil
}

func (l *chaosLoad) down() { l.epoch.Add(1) }
func (l *chaosLoad) up()   { l.epoch.Add(1) }

// since counts the requests that began after a time, and those of them that a backend answered.
func (l *chaosLoad) since(from time.Time, backend string) (all, its int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.answers {
		if a.began.Before(from) {
			continue
		}
		all++
		if a.by == backend {
			its++
		}
	}
	return all, its
}

func (l *chaosLoad) stop() {
	close(l.ended)
	l.all.Wait()
}

func (l *chaosLoad) summary() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d requests, %d of them at a kill, %d lost", l.sent, l.inKill, len(l.lost))
}
