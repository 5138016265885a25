package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// hooks is a receiver of webhooks: what it was told, by path.
type hooks struct {
	*testkit.Origin
	mu   sync.Mutex
	told map[string][]map[string]any
}

// newHooks answers what answer says; nil is 200 to everything.
func newHooks(t *testing.T, answer func(path string) int) *hooks {
	t.Helper()
	h := &hooks{told: map[string][]map[string]any{}}
	h.Origin = testkit.NewOrigin(t, "hooks", func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("the body of %s: %v", r.URL.Path, err)
		}
		h.mu.Lock()
		h.told[r.URL.Path] = append(h.told[r.URL.Path], body)
		h.mu.Unlock()
		code := 200
		if answer != nil {
			code = answer(r.URL.Path)
		}
		if code == 0 {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(code)
	})
	return h
}

func (h *hooks) calls(path string) []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.told[path])
}

// hooked is a rollout that asks and tells the receiver everything there is.
func hooked(url string) string {
	var b strings.Builder
	b.WriteString(strings.Replace(steps("1s"), "[20%, 50%, 100%]", `[20%, {gate: qa, webhook: {url: "`+url+`/gate", interval: 100ms}}, 50%, 100%]`, 1))
	b.WriteString("      webhooks:\n")
	for _, kind := range []string{
		"confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "post-rollout", "rollback", "event",
	} {
		fmt.Fprintf(&b, "        - {type: %s, url: %q, timeout: 2s, metadata: {of: shop}}\n", kind, url+"/"+kind)
	}
	fmt.Fprintf(&b, "      alerts: [{type: slack, url: %q, severity: info}]\n", url+"/slack/s3cret")
	return b.String()
}

func TestAWholeRolloutWithEveryWebhook(t *testing.T) {
	t.Parallel()
	h := newHooks(t, func(path string) int {
		if path == "/rollback" {
			return http.StatusForbidden
		}
		return http.StatusOK
	})
	stable, canary := testkit.NewOrigin(t, "stable", nil), testkit.NewOrigin(t, "canary", nil)
	p := testkit.Start(t, shop(stable.URL, canary.URL, hooked(h.URL)))
	testkit.StartLoad(t, p.Web, rate(200))
	p.AwaitRollout(t, "shop", time.Minute, "a success", func(s rollout.Status) bool { return s.Phase == rollout.Succeeded })
	testkit.Until(t, 20*time.Second, "the news of the success", func() (bool, any) {
		return len(h.calls("/post-rollout")) == 1, h.calls("/post-rollout")
	})
	for path, least := range map[string]int{
		"/confirm-rollout": 1, "/pre-rollout": 1, "/rollout": 2, "/confirm-traffic-increase": 3, "/confirm-promotion": 1, "/gate": 1, "/rollback": 3,
		"/event": 4, "/slack/s3cret": 4,
	} {
		calls := h.calls(path)
		if len(calls) < least {
			t.Errorf("%s was called %d times, want %d or more", path, len(calls), least)
			continue
		}
		if m, _ := calls[0]["metadata"].(map[string]any); strings.HasPrefix(path, "/slack") || path == "/gate" {
			continue
		} else if m["of"] != "shop" || calls[0]["name"] != "shop" {
			t.Errorf("%s was told %v", path, calls[0])
		}
	}
	opened := slices.ContainsFunc(p.Decisions(t, "shop"), func(d rollout.Decision) bool { return d.Action == "approve" && d.Actor == "webhook" })
	if !opened {
		t.Error("the journal does not say that a webhook opened the gate")
	}
	if log := p.Stderr(); strings.Contains(log, "s3cret") {
		t.Error("the log has an alert's URL")
	}
}

func TestReceiversThatHangDelayNoAbort(t *testing.T) {
	t.Parallel()
	h := newHooks(t, func(path string) int {
		if path == "/confirm-rollout" || path == "/pre-rollout" || path == "/confirm-traffic-increase" {
			return http.StatusOK
		}
		return 0
	})
	stable, canary := testkit.NewOrigin(t, "stable", nil), testkit.NewOrigin(t, "canary", nil)
	p := testkit.Start(t, shop(stable.URL, canary.URL, hooked(h.URL)))
	p.AwaitRollout(t, "shop", time.Minute, "20 %", func(s rollout.Status) bool { return s.Weight == 2000 })
	testkit.Until(t, 20*time.Second, "calls that hang", func() (bool, any) {
		return len(h.calls("/event")) > 0 && len(h.calls("/rollback")) > 0 && len(h.calls("/rollout")) > 0, nil
	})
	before := time.Now()
	code, body := p.Post(t, "/api/v1/routes/shop/rollout/abort", map[string]any{"actor": "ann"})
	if took := time.Since(before); code != http.StatusOK || took > 5*time.Second {
		t.Errorf("abort = %d after %s, want 200 promptly: %s", code, took, body)
	}
	if s := p.Rollout(t, "shop"); s.Weight != 0 {
		t.Errorf("after the abort the canary has %s", s.Weight)
	}
}

func TestNewsOutliveAKill(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	h := newHooks(t, func(path string) int {
		if path == "/event" && !up.Load() {
			return http.StatusServiceUnavailable
		}
		if path == "/rollback" || path == "/gate" {
			return http.StatusForbidden
		}
		return http.StatusOK
	})
	stable, canary := testkit.NewOrigin(t, "stable", nil), testkit.NewOrigin(t, "canary", nil)
	p := testkit.Start(t, shop(stable.URL, canary.URL, hooked(h.URL)))
	p.AwaitRollout(t, "shop", time.Minute, "20 %", func(s rollout.Status) bool { return s.Weight == 2000 })
	testkit.Until(t, 20*time.Second, "a call", func() (bool, any) { return len(h.calls("/event")) > 0, nil })
	first := h.calls("/event")[0]["id"]
	if n := testkit.Sum(p.Metrics(t), "sluice_outbox_pending"); n == 0 {
		t.Error("sluice_outbox_pending is 0 while a receiver is down")
	}
	p.Kill()
	up.Store(true)
	p.Run(t)
	p.AwaitReady(t)
	testkit.Until(t, 20*time.Second, "the start's news from the next process", func() (bool, any) {
		calls := h.calls("/event")
		return slices.ContainsFunc(calls[1:], func(c map[string]any) bool {
			d, _ := c["decision"].(map[string]any)
			return c["id"] == first && d["action"] == "start"
		}) && testkit.Sum(p.Metrics(t), "sluice_outbox_pending") == 0, calls
	})
}
