package interop

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"

	"sluice/internal/testkit"
)

func TestAWebSocketOverTLSReachesABackendThatPrefersHTTP2(t *testing.T) {
	t.Parallel()
	origin := httptest.NewUnstartedServer(http.HandlerFunc(chatter))
	origin.EnableHTTP2 = true
	origin.StartTLS()
	t.Cleanup(origin.Close)
	e := newEdge(t, "  - {name: chat, backends: {stable: {endpoints: [\""+origin.URL+"\"], tls: {insecureSkipVerify: true}}}}\n")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: e.Authority.Pool}}}
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	for range 2 { // the second time there is a connection that was used before
		// Not an upgrade: HTTP/2 behind it.
		resp, err := client.Get("https://" + e.Secure + "/")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		c, _, err := websocket.Dial(ctx, "wss://"+e.Secure+"/chat", &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"chat"}})
		if err != nil {
			t.Fatal(err)
		}
		c.SetReadLimit(1 << 20)
		for _, said := range []string{"a", string(make([]byte, 100_000))} {
			if err := c.Write(ctx, websocket.MessageBinary, []byte(said)); err != nil {
				t.Fatal(err)
			}
			if _, got, err := c.Read(ctx); err != nil || string(got) != said {
				t.Errorf("%d bytes come back as %d, %v", len(said), len(got), err)
			}
		}
		_ = c.CloseNow()
	}
}
