package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/internal/testkit"
	"sluice/metrics"
	"sluice/rollout"
)

// follow follows the stream of events, each of which has to be as the API's description says.
func follow(t *testing.T, address, lastEventID string) *testkit.Stream {
	t.Helper()
	s := testkit.Follow(t, address, lastEventID)
	s.Seen = func(e testkit.Event) {
		schema := map[string]string{"decision": "Decision", "change": "RouteChange"}[e.Name]
		if schema == "" {
			schema = "Note"
		}
		conforms(t, "event "+e.Name, node{"$ref": "#/components/schemas/" + schema}, []byte(e.Data))
	}
	return s
}

// decide makes the fake controller decide something.
func decide(c *admintest.Controller, route string, seq uint64) {
	c.Set(func(c *admintest.Controller) {
		at := admintest.At.Add(time.Duration(seq) * time.Second)
		d := rollout.Decision{Seq: seq, At: at, Route: route, Action: "promote", From: rollout.Progressing, To: rollout.Progressing, Sentence: fmt.Sprint(route, " ", seq)}
		c.Journal = slices.Insert(c.Journal, 0, d)
		c.State.Step = int(seq)
	})
}

func sentence(t *testing.T, e testkit.Event) string {
	t.Helper()
	var d admin.DecisionObject
	if err := json.Unmarshal([]byte(e.Data), &d); err != nil || d.Checks == nil {
		t.Errorf("event %+v is no decision with checks: %v", e, err)
	}
	return d.Sentence
}

func TestAStreamBeginsWithWhatEveryRouteFollowsNow(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	s := follow(t, admintest.Serve(t, proxy, nil), "")
	want := `{"route":"checkout","attempt":"01JQ","phase":"Progressing","outcome":"","reason":"","step":1,"weights":{"canary":5,"stable":95}}`
	if e := s.Next("change"); e.Data != want || e.ID != "" {
		t.Errorf("first event %+v, want a change without id: %s", e, want)
	}
	for _, name := range []string{"search", "plain"} {
		if e := s.Next("change"); !strings.Contains(e.Data, name) {
			t.Errorf("next change %s, want that of %s", e.Data, name)
		}
	}
}

func TestDecisionsOfAllRoutesArriveInOrderAndAReturningClientMissesNone(t *testing.T) {
	t.Parallel()
	proxy, checkout := admintest.New()
	search := proxy.List[1].Control.(*admintest.Controller)
	address := admintest.Serve(t, proxy, nil)
	s := follow(t, address, "")
	s.Next("change")
	var ids []string
	for i := range uint64(6) {
		route, c := "checkout", checkout
		if i%2 == 1 {
			route, c = "search", search
		}
		decide(c, route, i+1)
		e := s.Next("decision")
		if got, want := sentence(t, e), fmt.Sprint(route, " ", i+1); got != want {
			t.Errorf("decision %q, want %q", got, want)
		}
		ids = append(ids, e.ID)
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("ids %q do not rise", ids)
	}
	again := follow(t, address, ids[2])
	for i := 3; i < 6; i++ {
		if e := again.Next("decision"); e.ID != ids[i] {
			t.Errorf("after %s comes %+v, want %s", ids[2], e, ids[i])
		}
	}
	decide(checkout, "checkout", 7)
	if e := again.Next("decision"); sentence(t, e) != "checkout 7" {
		t.Errorf("then comes %+v, want the new decision", e)
	}
}

func TestAClientGoesOnOverARestartOfTheProxy(t *testing.T) {
	t.Parallel()
	proxy, checkout := admintest.New()
	for i := range uint64(3) {
		decide(checkout, "checkout", i+1)
	}
	first := follow(t, admintest.Serve(t, proxy, nil), "1")
	first.Next("decision") // of the fake
	id := first.Next("decision").ID
	second := follow(t, admintest.Serve(t, proxy, nil), id) // another server, the same journal
	if e := second.Next("decision"); sentence(t, e) != "checkout 2" {
		t.Errorf("after the restart comes %+v, want the second decision", e)
	}
}

func TestAWeightThatChangesIsAChange(t *testing.T) {
	t.Parallel()
	proxy, checkout := admintest.New()
	s := follow(t, admintest.Serve(t, proxy, nil), "")
	s.Next("change")
	s.Next("change")
	s.Next("change")
	checkout.Set(func(c *admintest.Controller) { c.State.Phase, c.State.Reason = rollout.Paused, "User" })
	if e := s.Next("change"); !strings.Contains(e.Data, `"phase":"Paused"`) || !strings.Contains(e.Data, `"reason":"User"`) {
		t.Errorf("change %s, want the pause", e.Data)
	}
}

func TestAClientThatWasAwayTooLongIsToldThatItMissedSomething(t *testing.T) {
	t.Parallel()
	proxy, checkout := admintest.New()
	checkout.Journal = nil
	for i := range uint64(700) {
		decide(checkout, "checkout", i+1)
	}
	s := follow(t, admintest.Serve(t, proxy, nil), "1")
	if e, ok := s.Read(); !ok || e.Name != "lost" {
		t.Errorf("first event %+v, want lost", e)
	}
	if e := s.Next("decision"); sentence(t, e) != "checkout 201" {
		t.Errorf("then %s, want the oldest that is kept", e.Data)
	}
}

func TestAnIDThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	address := admintest.Serve(t, proxy, nil)
	status, header, body := ask(t, address, "GET", "/api/v1/events", "", "Last-Event-ID", "x1")
	if p := problemIn(t, header.Get("Content-Type"), body); status != 400 || !strings.Contains(p.Detail, "x1") {
		t.Errorf("answer %d %s, want 400 naming the id", status, body)
	}
}

func TestTheStreamsEndWithTheProcess(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy, _ := admintest.New()
	s, err := admin.New(admin.Config{Listener: l, Proxy: proxy, Process: new(metrics.Process)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	client := follow(t, l.Addr().String(), "")
	client.Next("change")
	cancel()
	client.Next("end")
	if e, more := client.Read(); more {
		t.Errorf("after the end comes %+v", e)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}
