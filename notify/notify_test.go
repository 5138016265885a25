package notify

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/testkit"
	"sluice/rollout"
	"sluice/store"
	"sluice/store/memory"
)

// patience is how long a test waits for what is to happen soon.
const patience = 20 * time.Second

// quick is a pace for tests.
var quick = Pace{Poll: 5 * time.Millisecond, Repeat: 20 * time.Millisecond, Backoff: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond}

// receiver is a real HTTP server that keeps what it is told.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
}

type call struct {
	path   string
	header http.Header
	body   []byte
}

// newReceiver answers with what answer says of the n-th call to a path, counted from 1; it hangs until the caller gives up at 0.
func newReceiver(t *testing.T, answer func(path string, n int) int) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.calls = append(r.calls, call{req.URL.Path, req.Header.Clone(), body})
		r.mu.Unlock()
		code := answer(req.URL.Path, len(r.to(req.URL.Path)))
		if code == 0 {
			<-req.Context().Done()
			return
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "said by\n"+req.URL.Path)
	}))
	t.Cleanup(r.Close)
	return r
}

func always(code int) func(string, int) int { return func(string, int) int { return code } }

// to are the calls to a path.
func (r *receiver) to(path string) []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []call
	for _, c := range r.calls {
		if c.path == path {
			out = append(out, c)
		}
	}
	return out
}

func (c *call) payload(t *testing.T) payload {
	t.Helper()
	var p payload
	if err := json.Unmarshal(c.body, &p); err != nil {
		t.Fatalf("the body %s: %v", c.body, err)
	}
	return p
}

func (r *receiver) hook(kind string) Hook {
	return Hook{Name: kind, Type: kind, Retries: 2, Endpoint: Endpoint{URL: r.URL + "/" + kind, Timeout: patience}}
}

// scene is a rollout with its notifier.
type scene struct {
	*rollout.Controller
	stop func()
}

func play(t *testing.T, to store.Store, s Settings, stops ...rollout.Stop) *scene {
	t.Helper()
	c, err := rollout.New(rollout.Config{
		Plan: rollout.Plan{
			Route: "shop", Backends: []rollout.Backend{{Name: "stable", Version: "1"}, {Name: "canary", Version: "2"}}, Receivers: s.Receives(),
			Rollout: &rollout.Rollout{
				Stable: "stable", Canary: "canary", Steps: []rollout.Step{{Weight: 500, Hold: time.Hour}}, Bake: time.Hour, AutoStart: true,
				AutoRollback: true, DrainTimeout: time.Second, Hooks: s.Asks(), Stops: stops, Interval: 10 * time.Millisecond,
			},
		},
		Store: to, Apply: func(rollout.Routing) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = c.Run(ctx) })
	heard, hush := context.WithCancel(context.Background())
	var notifier sync.WaitGroup
	notifier.Go(func() { _ = New("shop", c, s, quick, nil).Run(heard) })
	var once sync.Once
	out := &scene{Controller: c, stop: func() {
		once.Do(func() { hush(); notifier.Wait(); cancel(); all.Wait() })
	}}
	t.Cleanup(out.stop)
	return out
}

func (s *scene) await(t *testing.T, what string, ok func(rollout.Status) bool) rollout.Status {
	t.Helper()
	testkit.Until(t, patience, what, func() (bool, any) { now := s.Status(); return ok(now), now })
	return s.Status()
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	testkit.Until(t, patience, what, func() (bool, any) { return done(), nil })
}

func at(p rollout.Phase) func(rollout.Status) bool {
	return func(s rollout.Status) bool { return s.Phase == p }
}

func TestConfirmHooksHoldAndFlaggersBodyIsSentSigned(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(path string, n int) int {
		if path == "/confirm-rollout" && n < 3 {
			return http.StatusForbidden
		}
		return http.StatusAccepted
	})
	h := r.hook("confirm-rollout")
	h.Metadata, h.Endpoint.Secret = map[string]string{"team": "shop"}, []byte("key")
	s := play(t, new(memory.Store), Settings{Hooks: []Hook{r.hook("pre-rollout"), h, r.hook("confirm-traffic-increase")}})
	s.await(t, "5%", at(rollout.Progressing))
	asked := r.to("/confirm-rollout")
	if len(asked) != 3 || len(r.to("/pre-rollout")) != 1 || len(r.to("/confirm-traffic-increase")) != 1 {
		t.Fatalf("calls = %d confirm-rollout, %d pre-rollout, %d confirm-traffic-increase, want 3, 1, 1", len(asked), len(r.to("/pre-rollout")),
			len(r.to("/confirm-traffic-increase")))
	}
	p := asked[2].payload(t)
	if p.Name != "shop" || p.Namespace == "" || p.Phase != "Waiting" || p.Checksum == "" || p.Metadata["team"] != "shop" || p.Canary.Version != "2" {
		t.Errorf("body = %s", asked[2].body)
	}
	if p.ID == "" || p.ID != asked[0].payload(t).ID || asked[0].header.Get(IDHeader) != p.ID {
		t.Errorf("ids = %q and %q, want one for one question", p.ID, asked[0].payload(t).ID)
	}
	if got, want := asked[2].header.Get(SignatureHeader), sign([]byte("key"), asked[2].body); got != want {
		t.Errorf("%s = %q, want %q", SignatureHeader, got, want)
	}
	if got := r.to("/pre-rollout")[0].header.Get(SignatureHeader); got != "" {
		t.Errorf("without a secret %s = %q", SignatureHeader, got)
	}
}

func TestAPreRolloutHookThatFailsIsRepeatedThenRollsBack(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, always(http.StatusInternalServerError))
	s := play(t, new(memory.Store), Settings{Hooks: []Hook{r.hook("pre-rollout")}})
	st := s.await(t, "Failed", at(rollout.Failed))
	if n := len(r.to("/pre-rollout")); n != 3 || st.Reason != rollout.ReasonWebhook || st.Outcome != rollout.RolledBack {
		t.Errorf("%d calls, %s for %s, want 3, RolledBack for webhook", n, st.Outcome, st.Reason)
	}
	if got := st.LastDecision.Sentence; !strings.Contains(got, "webhook pre-rollout failed (500: said by /pre-rollout)") {
		t.Errorf("sentence = %q, want what the webhook said", got)
	}
}

func TestARollbackHookRollsBackInTheMiddleOfAStep(t *testing.T) {
	t.Parallel()
	var open sync.Map
	r := newReceiver(t, func(string, int) int {
		if _, ok := open.Load("now"); ok {
			return http.StatusOK
		}
		return http.StatusForbidden
	})
	s := play(t, new(memory.Store), Settings{Hooks: []Hook{r.hook("rollback")}})
	s.await(t, "5%", at(rollout.Progressing))
	open.Store("now", true)
	if st := s.await(t, "Failed", at(rollout.Failed)); st.Reason != rollout.ReasonWebhook || st.LastDecision.Actor != "webhook" {
		t.Errorf("reason %q by %q, want webhook by webhook", st.Reason, st.LastDecision.Actor)
	}
}

func TestReceiversThatHangDelayNoRollback(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(path string, _ int) int {
		if path == "/event" || path == "/rollout" || path == "/alert" || path == "/post-rollout" {
			return 0
		}
		return http.StatusOK
	})
	s := play(t, new(memory.Store), Settings{
		Hooks:  []Hook{r.hook("event"), r.hook("rollout"), r.hook("post-rollout"), r.hook("confirm-traffic-increase")},
		Alerts: []Alert{{Type: "webhook", Endpoint: Endpoint{URL: r.URL + "/alert", Timeout: patience}}},
	})
	s.await(t, "5%", at(rollout.Progressing))
	until(t, "a call to each receiver that hangs", func() bool { return len(r.to("/event")) > 0 && len(r.to("/rollout")) > 0 && len(r.to("/alert")) > 0 })
	before := time.Now()
	st, err := s.Do(t.Context(), rollout.Command{Verb: "abort"})
	if took := time.Since(before); err != nil || st.Weight != 0 || took > 5*time.Second {
		t.Errorf("abort: %v, weight %s after %s, want 0%% promptly", err, st.Weight, took)
	}
	s.await(t, "Aborted", at(rollout.Aborted))
	if len(s.Undelivered()) < 3 {
		t.Errorf("%d events wait, want all", len(s.Undelivered()))
	}
	before = time.Now()
	if s.stop(); time.Since(before) > 5*time.Second {
		t.Errorf("the end took %s, want promptly", time.Since(before))
	}
}

func TestAnEventSurvivesACrashWithItsIDAndIsDeliveredInOrder(t *testing.T) {
	t.Parallel()
	var up sync.Map
	r := newReceiver(t, func(string, int) int {
		if _, ok := up.Load("now"); ok {
			return http.StatusNoContent
		}
		return http.StatusServiceUnavailable
	})
	to := new(memory.Store)
	set := Settings{Hooks: []Hook{r.hook("event"), r.hook("post-rollout")}}
	first := play(t, to, set)
	first.await(t, "5%", at(rollout.Progressing))
	until(t, "a second try", func() bool { return len(r.to("/event")) > 1 })
	id := first.Undelivered()[0].ID
	first.stop()
	second := play(t, to, set)
	if _, err := second.Do(t.Context(), rollout.Command{Verb: "abort", Actor: "ann"}); err != nil {
		t.Fatal(err)
	}
	second.await(t, "Aborted", at(rollout.Aborted))
	up.Store("now", true)
	until(t, "an empty outbox", func() bool { return len(second.Undelivered()) == 0 })
	var ids, actions []string
	for _, c := range r.to("/event") {
		p := c.payload(t)
		if c.header.Get("ce-id") != p.ID || c.header.Get("ce-specversion") != "1.0" || c.header.Get("ce-source") != "/sluice/routes/shop" ||
			c.header.Get("ce-type") != "sluice.rollout."+p.Decision.Action || c.header.Get("ce-time") == "" {
			t.Errorf("headers = %v", c.header)
		}
		if p.Metadata["eventMessage"] != p.Decision.Sentence || p.Metadata["eventType"] == "" || p.Metadata["timestamp"] == "" {
			t.Errorf("metadata = %v", p.Metadata)
		}
		if len(ids) == 0 || ids[len(ids)-1] != p.ID {
			ids, actions = append(ids, p.ID), append(actions, p.Decision.Action)
		}
	}
	if len(ids) < 3 || ids[0] != id || actions[0] != "start" || actions[1] != "abort" {
		t.Errorf("events = %v %v, want %s start first, then abort", ids, actions, id)
	}
	ended := map[string]bool{}
	for _, c := range r.to("/post-rollout") {
		p := c.payload(t)
		ended[p.ID] = true
		if p.Decision.To != rollout.Aborted || p.Phase != "Failed" {
			t.Errorf("post-rollout = %s, want the end alone", c.body)
		}
	}
	if len(ended) != 1 {
		t.Errorf("post-rollout was told of %d ends, want 1", len(ended))
	}
}

func TestAGateIsOpenedByItsWebhookLikeByAPerson(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(_ string, n int) int {
		if n < 3 {
			return http.StatusNotFound
		}
		return http.StatusOK
	})
	gate := Gate{Name: "qa", Step: 0, Interval: 5 * time.Millisecond, Endpoint: Endpoint{URL: r.URL + "/qa", Timeout: patience}}
	s := play(t, new(memory.Store), Settings{Gates: []Gate{gate}}, rollout.Stop{Before: 1, Gate: "qa"}, rollout.Stop{Before: 2, Gate: "qa"})
	st := s.await(t, "5%", at(rollout.Progressing))
	if d := st.LastDecision; d.Action != "approve" || d.Actor != "webhook" || len(r.to("/qa")) != 3 {
		t.Errorf("%s by %s after %d calls, want approve by webhook after 3", d.Action, d.Actor, len(r.to("/qa")))
	}
	if p := r.to("/qa")[0]; p.payload(t).Gate != "qa" {
		t.Errorf("body = %s, want the gate's name", p.body)
	}
}

func TestWithoutReceiversWhatWasLeftInTheOutboxIsDropped(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, always(http.StatusServiceUnavailable))
	to := new(memory.Store)
	first := play(t, to, Settings{Hooks: []Hook{r.hook("event")}})
	first.await(t, "5%", at(rollout.Progressing))
	first.stop()
	if len(first.Undelivered()) == 0 {
		t.Fatal("nothing was left to drop")
	}
	second := play(t, to, Settings{})
	until(t, "an empty outbox", func() bool { return len(second.Undelivered()) == 0 })
}
