package accesslog

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sluice/access"
)

// record is one of a client that says what it likes.
func record(l *access.Log) *access.Record {
	r := l.Take()
	r.Set([]byte("GET"), []byte("/a?b=\"c\"\n\x00"), []byte("shop.example.com"), []byte("agent\\ \xff é"), nil, []byte("id-1"))
	r.HTTP, r.Listener, r.Route, r.Backend, r.Endpoint, r.Reason = "1.1", "web", "shop", "canary", "http://10.0.0.1:80", "sticky"
	r.Client, r.Began = netip.MustParseAddr("10.0.0.9"), time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	r.Took, r.Status, r.Sent = 12345678*time.Nanosecond, 200, 42
	return r
}

func TestEveryFormatIsOneLineWhateverTheClientSends(t *testing.T) {
	t.Parallel()
	l := access.New(10000, 10000)
	for name, format := range Formats {
		line := string(format(nil, record(l)))
		if strings.Count(line, "\n") != 1 || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\x00\r\n") {
			t.Errorf("%s: %q", name, line)
		}
		if name == "combined" {
			continue
		}
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Errorf("%s: %v: %s", name, err, line)
		}
	}
}

func TestTheFormatsSayWhatTheyAreKnownFor(t *testing.T) {
	t.Parallel()
	r := record(access.New(10000, 10000))
	combined := string(appendCombined(nil, r))
	if want := `10.0.0.9 - - [02/Jan/2026:03:04:05 +0000] "GET /a?b=\x22c\x22\x0A\x00 HTTP/1.1" 200 42 "-" "agent\x5C \xFF \xC3\xA9"` + "\n"; combined != want {
		t.Errorf("combined: %s want %s", combined, want)
	}
	ours := string(appendJSON(nil, r))
	if want := `{"time":"2026-01-02T03:04:05.678Z","client":"10.0.0.9","method":"GET","target":"/a?b=\"c\"\u000A\u0000","host":"shop.example.com",` +
		`"http":"1.1","status":200,"bytes":42,"milliseconds":12.346,"listener":"web","route":"shop","backend":"canary",` +
		`"endpoint":"http://10.0.0.1:80","reason":"sticky","requestId":"id-1","userAgent":"agent\\ � é"}` + "\n"; ours != want {
		t.Errorf("json:\n%s want\n%s", ours, want)
	}
	var ecs struct {
		Time  string `json:"@timestamp"`
		Event struct {
			Outcome  string
			Duration int64
		}
		HTTP struct {
			Request  struct{ Method, ID string }
			Response struct {
				Status int `json:"status_code"`
				Body   struct{ Bytes int }
			}
		}
		Sluice struct{ Backend, Cut string }
	}
	r.Cut = access.ByBackend
	if err := json.Unmarshal(appendECS(nil, r), &ecs); err != nil || ecs.Time != "2026-01-02T03:04:05.678Z" || ecs.Event.Outcome != "failure" || ecs.Event.Duration != 12345678 ||
		ecs.HTTP.Request.Method != "GET" || ecs.HTTP.Request.ID != "id-1" || ecs.HTTP.Response.Status != 200 || ecs.HTTP.Response.Body.Bytes != 42 ||
		ecs.Sluice.Backend != "canary" || ecs.Sluice.Cut != "backend" {
		t.Errorf("ecs: %+v, %v", ecs, err)
	}
}

func TestAFileThatIsMovedAwayIsFollowedByANewOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "access.log")
	l := access.New(10000, 10000)
	w, err := Open(l, "combined", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	lines := func(file string) int {
		b, _ := os.ReadFile(file)
		return len(regexp.MustCompile(`(?m)^10\.0\.0\.9 `).FindAll(b, -1))
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not %s after 10s", what)
			}
		}
	}
	for range 3 {
		l.Put(record(l))
	}
	until("written", func() bool { return lines(path) == 3 })
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	w.Reopen()
	l.Put(record(l))
	until("written anew", func() bool { return lines(path) == 1 })
	for range 100 {
		l.Put(record(l))
	}
	stop()
	<-done
	if a, b := lines(path+".1"), lines(path); a != 3 || b != 101 || l.Dropped() != 0 {
		t.Errorf("%d and %d lines, %d dropped, want 3, 101 and 0", a, b, l.Dropped())
	}
}

// broken can't be written to.
type broken struct{ fixed bool }

func (b *broken) Write(p []byte) (int, error) {
	if !b.fixed {
		return 0, os.ErrPermission
	}
	return len(p), nil
}

func TestLinesThatCanNotBeWrittenAreCountedAndSaidOnce(t *testing.T) {
	t.Parallel()
	l := access.New(10000, 10000)
	out, said := &broken{}, 0
	w := &Writer{log: l, format: appendCombined, out: out, Failed: func(error) { said++ }}
	w.write([]byte("a\nb\n"), 2)
	w.write([]byte("c\n"), 1)
	out.fixed = true
	w.write([]byte("d\n"), 1)
	if l.Dropped() != 3 || said != 2 {
		t.Errorf("%d dropped, said %d times, want 3 and 2", l.Dropped(), said)
	}
}
