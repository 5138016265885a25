package testkit

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
)

// Event is one of a stream of server-sent events.
type Event struct{ Name, ID, Data string }

// Stream follows a proxy's GET /api/v1/events.
type Stream struct {
	// Seen is called with every event that is read, where it is set.
	Seen func(Event)

	t     testing.TB
	lines *bufio.Scanner
}

// Follow opens the stream of events at an admin address, behind the last one that was heard of; "" is none. It ends with the test, and
// when Patience is over.
func Follow(t testing.TB, address, lastEventID string) *Stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
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
	return &Stream{t: t, lines: bufio.NewScanner(resp.Body)}
}

// Read is the next event; false at the end of the stream.
func (s *Stream) Read() (e Event, ok bool) {
	for s.lines.Scan() {
		switch name, value, _ := strings.Cut(s.lines.Text(), ": "); name {
		case "":
			if e == (Event{}) {
				continue
			}
			if s.Seen != nil {
				s.Seen(e)
			}
			return e, true
		case "event":
			e.Name = value
		case "id":
			e.ID = value
		case "data":
			e.Data = value
		}
	}
	return e, false
}

// Next is the next event of that name; it fails the test where the stream ends before.
func (s *Stream) Next(name string) Event {
	s.t.Helper()
	for {
		e, ok := s.Read()
		if !ok {
			s.t.Fatalf("the stream ended before an event %q: %v", name, s.lines.Err())
		}
		if e.Name == name {
			return e
		}
	}
}
