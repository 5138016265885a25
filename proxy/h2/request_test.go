package h2

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/internal/testkit"
	"sluice/metrics"
	"sluice/proxy"
)

func TestWhatBeginsALineCannotEndIt(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*http.Request{
		"a method with a line end": {Method: "GET / HTTP/1.1\r\nX: y\r\n\r\nGET", RequestURI: "/"},
		"a method with a space":    {Method: "GET /admin", RequestURI: "/"},
		"a target with a space":    {Method: "GET", RequestURI: "/ HTTP/1.1"},
		"a target with a line end": {Method: "GET", RequestURI: "/\r\nX:y"},
		"a target beyond ASCII":    {Method: "GET", RequestURI: "/ä"},
		"no target":                {Method: "GET"},
	} {
		r.Host = "a"
		if got := string(appendHead(nil, r)); got != "-\r\n" {
			t.Errorf("%s becomes %q, want what is refused", name, got)
		}
	}
	if got := string(appendHead(nil, &http.Request{Method: "CONNECT", RequestURI: "a:1", Host: "a:1"})); !strings.HasPrefix(got, "CONNECT / HTTP/1.1\r\n") {
		t.Errorf("CONNECT becomes %q, want what gets 405", got)
	}
}

func TestAHandshakeHasTheTimeOfAHead(t *testing.T) {
	t.Parallel()
	o := options{tls: true, front: proxy.Front{Limits: proxy.Limits{HeaderTimeout: 200 * time.Millisecond}}}
	b := newBench(t, o, "http://127.0.0.1:1")
	c, err := net.Dial("tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(testkit.Patience))
	if _, err := c.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("a connection that says nothing: %v, want its end", err)
	}
	testkit.Until(t, testkit.Patience, "it to be counted", func() (bool, any) {
		n := b.server.Process.ClientErrors()[metrics.ClientTLS]
		return n == 1, n
	})
}
