package listener

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
)

// headerFor is a PROXY header of one version for a client.
func headerFor(t *testing.T, version byte, command proxyproto.ProtocolVersionAndCommand) string {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(version, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 4711}, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 80})
	h.Command = command
	b, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAProxyHeaderSaysWhoTheClientIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sent, remote string }{
		"version 1":        {headerFor(t, 1, proxyproto.PROXY), "192.0.2.7:4711"},
		"version 2":        {headerFor(t, 2, proxyproto.PROXY), "192.0.2.7:4711"},
		"its own look":     {headerFor(t, 2, proxyproto.LOCAL), "peer"},
		"unknown":          {"PROXY UNKNOWN\r\n", "peer"},
		"none":             {"", ""},
		"malformed":        {"PROXY TCP4 192.0.2.7 10.0.0.1 99999 80\r\n", ""},
		"another family":   {"PROXY TCP6 192.0.2.7 10.0.0.1 4711 80\r\n", ""},
		"without its end":  {"PROXY TCP4 192.0.2.7 10.0.0.1 4711 80 " + strings.Repeat("x", 100), ""},
		"a cut version 2":  {headerFor(t, 2, proxyproto.PROXY)[:14], ""},
		"version 2 of 0x3": {"\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c" + strings.Repeat("\x00", 12), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			near, far := net.Pipe()
			go func() {
				_, _ = io.WriteString(near, c.sent+"GET / HTTP/1.1\r\n")
				_ = near.Close()
			}()
			got, err := ReadProxyHeader(far)
			if c.remote == "" {
				if err == nil {
					t.Errorf("ReadProxyHeader gives %v, want an error", got.RemoteAddr())
				}
				_ = far.Close()
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := c.remote
			if want == "peer" {
				want = far.RemoteAddr().String()
			}
			rest, err := io.ReadAll(got)
			if got.RemoteAddr().String() != want || string(rest) != "GET / HTTP/1.1\r\n" || err != nil {
				t.Errorf("remote %v, then %q, %v; want %v and the request", got.RemoteAddr(), rest, err, want)
			}
		})
	}
}
