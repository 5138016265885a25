package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// listener reads GET /api/v1/events; next is the data and the id of the next event of a kind.
type listener struct {
	t     *testing.T
	lines *bufio.Scanner
}

func listen(t *testing.T, p *testkit.Proxy, lastEventID string) *listener {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Admin+"/api/v1/events", http.NoBody)
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
	return &listener{t, bufio.NewScanner(resp.Body)}
}

func (l *listener) next(kind string) (data, id string) {
	l.t.Helper()
	name := ""
	for l.lines.Scan() {
		line := l.lines.Text()
		switch {
		case line == "" && name == kind:
			return data, id
		case line == "":
			name, data, id = "", "", ""
		}
		if v, ok := strings.CutPrefix(line, "event: "); ok {
			name = v
		}
		if v, ok := strings.CutPrefix(line, "data: "); ok {
			data = v
		}
		if v, ok := strings.CutPrefix(line, "id: "); ok {
			id = v
		}
	}
	l.t.Fatalf("the stream ended before an event %q: %v", kind, l.lines.Err())
	return "", ""
}

func (l *listener) decision() (rollout.Decision, string) {
	l.t.Helper()
	var d rollout.Decision
	data, id := l.next("decision")
	if err := json.Unmarshal([]byte(data), &d); err != nil || id == "" {
		l.t.Fatalf("decision %s with id %q: %v", data, id, err)
	}
	return d, id
}

func TestWhoListensHearsOfEveryDecisionAlsoOverARestart(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, slowRollout))
	p.AwaitRollout(t, "shop", testkit.Patience, "step 1", func(s rollout.Status) bool { return s.Step == 1 })
	first := listen(t, p, "1")
	begun, id := first.decision()
	if begun.Action != "start" {
		t.Errorf("the first decision is %q, want the start", begun.Action)
	}
	call(t, p, 0, "pause", "shop")
	if d, _ := first.decision(); d.Action != "pause" || d.To != rollout.Paused {
		t.Errorf("then comes %+v, want the pause", d)
	}
	p.Signal(t, syscall.SIGTERM)
	first.next("end")
	if r := p.Wait(t); r.Code != 0 {
		t.Errorf("exit %d with a stream that was open, want 0: %s", r.Code, r.Stderr)
	}
	p.Run(t)
	p.AwaitReady(t)
	again := listen(t, p, id)
	if d, _ := again.decision(); d.Action != "pause" {
		t.Errorf("after the restart comes %+v, want what was missed", d)
	}
	call(t, p, 0, "abort", "shop")
	if d, _ := again.decision(); d.Action != "abort" {
		t.Errorf("then comes %+v, want the abort", d)
	}
}
