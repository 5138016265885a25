package admin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/metrics"
	"sluice/rollout"
)

// event is one of a stream.
type event struct{ name, id, data string }

// stream follows GET /api/v1/events until the test ends. next fails the test when the stream is over.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
}

func follow(t *testing.T, address, lastEventID string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/api/v1/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("GET /api/v1/events = %s as %q", resp.Status, resp.Header.Get("Content-Type"))
	}
	return &stream{t, bufio.NewScanner(resp.Body)}
}

// read is the next event; false at the end of the stream.
func (s *stream) read() (e event, ok bool) {
	s.t.Helper()
	for s.lines.Scan() {
		switch name, value, _ := strings.Cut(s.lines.Text(), ": "); name {
		case "":
			if e != (event{}) {
				schema := map[string]string{"decision": "Decision", "change": "RouteChange"}[e.name]
				if schema == "" {
					schema = "Note"
				}
				conforms(s.t, "event "+e.name, node{"$ref": "#/components/schemas/" + schema}, []byte(e.data))
				return e, true
			}
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		}
	}
	return e, false
}

// next is the next event of that kind.
func (s *stream) next(name string) event {
	s.t.Helper()
	for {
		e, ok := s.read()
		if !ok {
			s.t.Fatalf("the stream ended before an event %q: %v", name, s.lines.Err())
		}
		if e.name == name {
			return e
		}
	}
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

func sentence(t *testing.T, e event) string {
	t.Helper()
	var d admin.DecisionObject
	if err := json.Unmarshal([]byte(e.data), &d); err != nil || d.Checks == nil {
		t.Errorf("event %+v is no decision with checks: %v", e, err)
	}
	return d.Sentence
}

func TestAStreamBeginsWithWhatEveryRouteFollowsNow(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	s := follow(t, admintest.Serve(t, proxy, nil), "")
	want := `{"route":"checkout","attempt":"01JQ","phase":"Progressing","outcome":"","reason":"","step":1,"weights":{"canary":5,"stable":95}}`
	if e := s.next("change"); e.data != want || e.id != "" {
		t.Errorf("first event %+v, want a change without id: %s", e, want)
	}
	for _, name := range []string{"search", "plain"} {
		if e := s.next("change"); !strings.Contains(e.data, name) {
			t.Errorf("next change %s, want that of %s", e.data, name)
		}
	}
}

func TestDecisionsOfAllRoutesArriveInOrderAndAReturningClientMissesNone(t *testing.T) {
	t.Parallel()
	proxy, checkout := admintest.New()
	search := proxy.List[1].Control.(*admintest.Controller)
	address := admintest.Serve(t, proxy, nil)
	s := follow(t, address, "")
	s.next("change")
	var ids []string
	for i := range uint64(6) {
		route, c := "checkout", checkout
		if i%2 == 1 {
			route, c = "search", search
		}
		decide(c, route, i+1)
		e := s.next("decision")
		if got, want := sentence(t, e), fmt.Sprint(route, " ", i+1); got != want {
			t.Errorf("decision %q, want %q", got, want)
		}
		ids = append(ids, e.id)
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("ids %q do not rise", ids)
	}
	again := follow(t, address, ids[2])
	for i := 3; i < 6; i++ {
		if e := again.next("decision"); e.id != ids[i] {
			t.Errorf("after %s comes %+v, want %s", ids[2], e, ids[i])
		}
	}
	decide(checkout, "checkout", 7)
	if e := again.next("decision"); sentence(t, e) != "checkout 7" {
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
	first.next("decision") // of the fake
	id := first.next("decision").id
	second := follow(t, admintest.Serve(t, proxy, nil), id) // another server, the same journal
	if e := second.next("decision"); sentence(t, e) != "checkout 2" {
		t.Errorf("after the restart comes %+v, want the second decision", e)
	}
}

func TestAWeightThatChangesIsAChange(t *testing.T) {
	t.Parallel()
	proxy, checkout := admintest.New()
	s := follow(t, admintest.Serve(t, proxy, nil), "")
	s.next("change")
	s.next("change")
	s.next("change")
	checkout.Set(func(c *admintest.Controller) { c.State.Phase, c.State.Reason = rollout.Paused, "User" })
	if e := s.next("change"); !strings.Contains(e.data, `"phase":"Paused"`) || !strings.Contains(e.data, `"reason":"User"`) {
		t.Errorf("change %s, want the pause", e.data)
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
	if e, ok := s.read(); !ok || e.name != "lost" {
		t.Errorf("first event %+v, want lost", e)
	}
	if e := s.next("decision"); sentence(t, e) != "checkout 201" {
		t.Errorf("then %s, want the oldest that is kept", e.data)
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
	client.next("change")
	cancel()
	client.next("end")
	if e, more := client.read(); more {
		t.Errorf("after the end comes %+v", e)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}
