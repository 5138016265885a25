package interop

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"sluice/internal/testkit"
)

// chatter is a WebSocket server that says everything again, until it is told to close.
func chatter(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"chat"}})
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	c.SetReadLimit(4 << 20)
	for {
		kind, p, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if string(p) == "bye" {
			_ = c.Close(websocket.StatusGoingAway, "as you wish")
			return
		}
		if c.Write(r.Context(), kind, p) != nil {
			return
		}
	}
}

func TestAWebSocketLibraryTalksThroughTheProxy(t *testing.T) {
	t.Parallel()
	p := before(t, testkit.NewOrigin(t, "stable", chatter).URL, "idleTimeout: 1s, headerTimeout: 1s")
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() { converse(t, p.Web, byte(i)) })
	}
	all.Wait()
}

func converse(t *testing.T, address string, mark byte) {
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	c, a, err := websocket.Dial(ctx, "ws://"+address+"/chat", &websocket.DialOptions{Subprotocols: []string{"chat"}})
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = c.CloseNow() }()
	if c.Subprotocol() != "chat" || a.Header.Get(testkit.ServedBy) != "stable" {
		t.Errorf("subprotocol %q by %q, want chat by stable", c.Subprotocol(), a.Header.Get(testkit.ServedBy))
	}
	c.SetReadLimit(4 << 20)
	for _, size := range []int{0, 1, 125, 126, 65536, 1 << 20} {
		want := bytes.Repeat([]byte{mark}, size)
		if err := c.Write(ctx, websocket.MessageBinary, want); err != nil {
			t.Errorf("write %d bytes: %v", size, err)
			return
		}
		if _, got, err := c.Read(ctx); err != nil || !bytes.Equal(got, want) {
			t.Errorf("read %d bytes, %v; want %d", len(got), err, size)
			return
		}
	}
	if err := c.Write(ctx, websocket.MessageText, []byte("bye")); err != nil {
		t.Error(err)
	}
	_, _, err = c.Read(ctx)
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.StatusGoingAway || closed.Reason != "as you wish" {
		t.Errorf("the end is %v, want the server's close", err)
	}
}

func TestAWebSocketThatTheBackendRefusesIsAnOrdinaryAnswer(t *testing.T) {
	t.Parallel()
	p := before(t, testkit.NewOrigin(t, "stable", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }).URL, "")
	_, a, err := websocket.Dial(context.Background(), "ws://"+p.Web+"/", nil)
	if err == nil || a == nil || a.StatusCode != http.StatusForbidden || !strings.Contains(err.Error(), "403") {
		t.Errorf("got %v, %v; want 403", a, err)
	}
}
