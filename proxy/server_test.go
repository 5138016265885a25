package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/access"
	"sluice/backend"
	"sluice/identity"
	"sluice/metrics"
	"sluice/router"
	"sluice/selector"
)

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: x\r\n\r\nok"

var requestIDs = regexp.MustCompile(`[0-9a-f]{32}`)

func TestAnAnswerArrivesAsTheBackendSentIt(t *testing.T) {
	t.Parallel()
	const rest = "\r\nX-Request-Id: x\r\n"
	for name, c := range map[string]struct{ request, answer, want string }{
		"length":         {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", okAnswer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: x\r\nConnection: close\r\n\r\nok"},
		"chunks":         {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked" + rest + "\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nX-Request-Id: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"},
		"trailers":       {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + rest + "\r\n1\r\na\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 200 OK\r\nX-Request-Id: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n"},
		"empty chunks":   {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + rest + "\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nX-Request-Id: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"},
		"chunks for 1.0": {"GET / HTTP/1.0\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + rest + "\r\n3\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nX-Request-Id: x\r\nConnection: close\r\n\r\nabc"},
		"HEAD":           {"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99" + rest + "\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nX-Request-Id: x\r\nConnection: close\r\n\r\n"},
		"304":            {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99" + rest + "\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nX-Request-Id: x\r\nConnection: close\r\n\r\n"},
		"hop by hop":     {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 \r\nConnection: x-hop, content-length\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nSluice-Backend: lie\r\nContent-Length: 0" + rest + "\r\n", "HTTP/1.1 200 \r\nContent-Length: 0\r\nX-Request-Id: x\r\nConnection: close\r\n\r\n"},
		"early hints":    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + okAnswer, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: x\r\nConnection: close\r\n\r\nok"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, benchOptions{}, newOrigin(t, always(c.answer)).url)
			if diff := cmp.Diff(c.want, b.talk(c.request)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestABodyThatEndsWithTheConnectionIsFramedForTheClient(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\nX-Request-Id: x\r\n\r\nabc")
	})
	b := newBench(t, benchOptions{}, o.url)
	got := b.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	want := "HTTP/1.1 200 OK\r\nX-Request-Id: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
	body, ok := strings.CutPrefix(got, want)
	if !ok || body != "3\r\nabc\r\n0\r\n\r\n" && body != "0\r\n\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestRequestsOnOneConnectionReuseOneOfTheBackends(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, always(okAnswer))
	b := newBench(t, benchOptions{}, o.url)
	c, r := b.dial()
	_, _ = io.WriteString(c, strings.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 3)) // pipelined
	for i := range 3 {
		if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Fatalf("answer %d: %q", i, got)
		}
		_, _ = r.Discard(2)
	}
	if n := o.accepted.Load(); n != 1 {
		t.Errorf("the backend took %d connections, want 1", n)
	}
	if got := b.totals(0, func(m metrics.Totals) bool { return m.Requests == 3 }); got.Requests != 3 || got.Errors != 0 {
		t.Errorf("requests %d, errors %d", got.Requests, got.Errors)
	}
}

// echo answers with the request's body as it was framed.
func echo(c net.Conn, r *bufio.Reader) {
	for h := head(r); h != ""; h = head(r) {
		if strings.Contains(h, "Expect: 100-continue") {
			_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		var body []byte
		if strings.Contains(h, "Transfer-Encoding") {
			for {
				var n int
				line, err := r.ReadString('\n')
				if _, err2 := fmt.Sscanf(line, "%x\r\n", &n); err != nil || err2 != nil {
					return
				}
				piece := make([]byte, n+2)
				if n == 0 {
					trailers := head(r)
					body = append(body, strings.TrimSuffix(trailers, "\r\n")...)
					break
				}
				if _, err := io.ReadFull(r, piece); err != nil {
					return
				}
				body = append(body, piece[:n]...)
			}
		} else {
			var n int
			_, _ = fmt.Sscanf(h[strings.Index(h, "Content-Length:"):], "Content-Length: %d", &n)
			body = make([]byte, n)
			if _, err := io.ReadFull(r, body); err != nil {
				return
			}
		}
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Request-Id: x\r\n\r\n%s", len(body), body)
	}
}

func TestARequestsBodyArrivesWhole(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("0123456789abcdef", 40_000) // 640 kB: more than any buffer
	b := newBench(t, benchOptions{}, newOrigin(t, echo).url)
	for name, c := range map[string]struct{ request, want string }{
		"length":          {"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", "abc"},
		"big":             {fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(big), big), big},
		"chunks":          {"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc"},
		"trailers":        {"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\nX-Forwarded-For: 6\r\n\r\n", "abcX-T: 1\r\n"},
		"big chunk":       {fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(big), big), big},
		"many chunks":     {"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10\r\n0123456789abcdef\r\n", 40_000) + "0\r\n\r\n", big},
		"no byte of body": {"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := b.talk(c.request)
			want := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Request-Id: x\r\nConnection: close\r\n\r\n%s", len(c.want), c.want)
			if len(want) > 10_000 {
				// Whether the pump had ended when the head was written is a race that the client may win: then the proxy says close.
				if got != want {
					t.Errorf("got %d bytes, want %d", len(got), len(want))
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestABodyThatTricklesInIsCarriedAndThe100GoesToTheClient(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchOptions{}, newOrigin(t, echo).url)
	c, r := b.dial()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n")
	if got := head(r); got != "HTTP/1.1 100 Continue\r\n\r\n" {
		t.Fatalf("got %q, want the interim answer", got)
	}
	for _, piece := range []string{"a", "bc", "def"} {
		_, _ = io.WriteString(c, piece)
	}
	if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n") {
		t.Fatalf("got %q", got)
	}
}

func TestAnEarlyAnswerIsPassedOnAndEndsTheConnection(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nX-Request-Id: x\r\n\r\n")
		_, _ = io.Copy(io.Discard, r)
	})
	b := newBench(t, benchOptions{}, o.url)
	got := b.talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc")
	if want := "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nX-Request-Id: x\r\nConnection: close\r\n\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnAnswerThatBreaksOffIsNeverACompleteOne(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"length":     "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		"in a chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
		"chunk edge": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	} {
		for _, version := range []string{"1.0", "1.1"} {
			t.Run(name+" "+version, func(t *testing.T) {
				t.Parallel()
				o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
					head(r)
					_, _ = io.WriteString(c, answer)
				})
				b := newBench(t, benchOptions{}, o.url)
				got := b.talk("GET / HTTP/" + version + "\r\nHost: a\r\nConnection: close\r\n\r\n")
				if !strings.HasSuffix(got, "<"+reset+">") || strings.HasSuffix(got, "0\r\n\r\n<"+reset+">") {
					t.Errorf("got %q, want a reset", got)
				}
				m := b.totals(0, func(m metrics.Totals) bool { return m.Errors == 1 })
				if m.Errors != 1 || m.UpstreamErrors[metrics.UpstreamTruncated] != 1 {
					t.Errorf("errors %d, truncated %d, want 1 each", m.Errors, m.UpstreamErrors[metrics.UpstreamTruncated])
				}
			})
		}
	}
}

func TestABrokenBackendGivesAnErrorPageOfOurOwn(t *testing.T) {
	t.Parallel()
	gone := newOrigin(t, func(net.Conn, *bufio.Reader) {})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	raw := func(answer string) string {
		return newOrigin(t, func(c net.Conn, r *bufio.Reader) { head(r); _, _ = io.WriteString(c, answer) }).url
	}
	silent := newOrigin(t, func(_ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }).url
	for name, c := range map[string]struct {
		url    string
		status int
		kind   metrics.UpstreamError
	}{
		"refused":                 {closed, 502, metrics.UpstreamConnect},
		"closed without a word":   {gone.url, 502, metrics.UpstreamReset},
		"nonsense":                {raw("SECRET\r\n\r\n"), 502, metrics.UpstreamMalformed},
		"unsolicited 101":         {raw("HTTP/1.1 101 Switching Protocols\r\nX: SECRET\r\n\r\n"), 502, metrics.UpstreamMalformed},
		"two lengths":             {raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nSECRET"), 502, metrics.UpstreamMalformed},
		"bad chunk":               {raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz SECRET\r\n"), 502, metrics.UpstreamMalformed},
		"silent beyond its time":  {silent, 504, metrics.UpstreamTimeout},
		"half a head and the end": {raw("HTTP/1.1 200 OK\r\nX: SECRET"), 502, metrics.UpstreamReset},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, benchOptions{timeouts: backend.Timeouts{FirstByte: 300 * time.Millisecond}}, c.url)
			got := b.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", c.status)) || strings.Contains(got, "SECRET") || strings.Contains(got, reset) {
				t.Errorf("got %q, want status %d", got, c.status)
			}
			m := b.totals(0, func(m metrics.Totals) bool { return m.Errors == 1 })
			if m.Requests != 1 || m.Errors != 1 || m.UpstreamErrors[c.kind] != 1 {
				t.Errorf("requests %d, errors %d, of kind %v: %d; want 1 each", m.Requests, m.Errors, c.kind, m.UpstreamErrors[c.kind])
			}
		})
	}
}

func TestABackendThatClosesItsIdleConnectionsCostsNoRequest(t *testing.T) {
	t.Parallel()
	// The second request on a connection meets its end: after it was written, so that no look before could have told.
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		_, _ = io.WriteString(c, okAnswer)
		head(r)
	})
	b := newBench(t, benchOptions{}, o.url)
	c, r := b.dial()
	for i := range 4 {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Fatalf("answer %d: %q", i, got)
		}
		_, _ = r.Discard(2)
	}
	m := b.totals(0, func(m metrics.Totals) bool { return m.Requests == 4 })
	if m.Requests != 4 || m.Errors != 0 || m.Retries[metrics.RetryStale] == 0 {
		t.Errorf("requests %d, errors %d, stale %d; want 4, 0, some", m.Requests, m.Errors, m.Retries[metrics.RetryStale])
	}
}

func TestWhatTheClientDidWrongNeverCountsAgainstABackend(t *testing.T) {
	t.Parallel()
	small := defaultLimits()
	small.BodyBytes, small.HeaderTimeout = 10, 200*time.Millisecond
	for name, c := range map[string]struct {
		request string
		status  string
		kind    metrics.ClientError
	}{
		"bad head":      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400", metrics.ClientBadRequest},
		"bad chunk":     {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "400", metrics.ClientBadRequest},
		"long body":     {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", "413", metrics.ClientTooLarge},
		"long chunks":   {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n0\r\n\r\n", "413", metrics.ClientTooLarge},
		"slow head":     {"GET / HT", "408", metrics.ClientHeaderTimeout},
		"large head":    {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 70_000) + "\r\n\r\n", "431", metrics.ClientTooLarge},
		"late bad body": {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nq\r\n", "400", metrics.ClientBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, benchOptions{front: Front{Limits: small}}, newOrigin(t, echo).url)
			got := b.talk(c.request)
			if !strings.HasPrefix(got, "HTTP/1.1 "+c.status+" ") {
				t.Errorf("got %q, want %s", got, c.status)
			}
			if n := b.server.Process.ClientErrors()[c.kind]; n != 1 {
				t.Errorf("client errors %v = %d, want 1", c.kind, n)
			}
			if m := b.route.Meters[0].Totals(); m.Requests != 0 || m.Errors != 0 {
				t.Errorf("the backend has %d requests and %d errors, want none", m.Requests, m.Errors)
			}
		})
	}
}

func TestIdentityHeadersAreBelievedFromTrustedPeersOnly(t *testing.T) {
	t.Parallel()
	for trusted, want := range map[bool]string{true: "x-user-id: u1\r\n", false: ""} {
		saw := make(chan string, 1)
		o := newOrigin(t, func(c net.Conn, r *bufio.Reader) { saw <- head(r); _, _ = io.WriteString(c, okAnswer) })
		id := identity.Config{Key: []identity.Source{{Header: "X-User-Id"}}}
		if trusted {
			id.Trust = []netip.Prefix{loopback}
		}
		b := newBench(t, benchOptions{identity: id}, o.url)
		b.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nx-user-id: u1\r\nX_User_Id: u2\r\n\r\n")
		got := requestIDs.ReplaceAllString(<-saw, "ID")
		head := "GET / HTTP/1.1\r\nHost: a\r\n" + want + "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Request-Id: ID\r\nSluice-Backend: stable\r\nSluice-Route: shop\r\n\r\n"
		if diff := cmp.Diff(head, got); diff != "" {
			t.Errorf("trusted %v: %s", trusted, diff)
		}
	}
}

func TestTheStickyCookieIsSetOnceAndKept(t *testing.T) {
	t.Parallel()
	k := &router.Cookie{Name: "sluice-id", TTL: 720 * time.Hour, Attributes: "; Path=/; HttpOnly; SameSite=Lax"}
	stable, canary := newOrigin(t, always(okAnswer)), newOrigin(t, always(okAnswer))
	b := newBench(t, benchOptions{sticky: []selector.StickyBy{{Kind: selector.ByCookie, Name: "sluice-id"}}, cookie: k, canary: 5000, debug: true}, stable.url, canary.url)
	first := b.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	set := regexp.MustCompile(`Set-Cookie: (sluice-id=[0-9a-z]{26}\.[0-9a-z]+); Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax\r\n`).FindStringSubmatch(first)
	if set == nil {
		t.Fatalf("no cookie in %q", first)
	}
	of := regexp.MustCompile(`Sluice-Backend: (\w+)\r\nSluice-Reason: sticky\r\n`)
	want := of.FindString(first)
	for range 20 {
		got := b.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: a=b; " + set[1] + "\r\n\r\n")
		if want == "" || of.FindString(got) != want || strings.Contains(got, "Set-Cookie") {
			t.Fatalf("got %q, want %q and no new cookie", got, want)
		}
	}
}

func TestShutdownEndsIdleConnectionsAndFinishesRequests(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		head(r)
		close(arrived)
		<-release
		_, _ = io.WriteString(c, okAnswer)
	})
	b := newBench(t, benchOptions{}, o.url)
	_, idle := b.dial()
	c, busy := b.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-arrived
	done := make(chan error)
	go func() { done <- b.server.Shutdown(context.Background()) }()
	if _, err := idle.ReadByte(); err != io.EOF {
		t.Errorf("the idle connection: %v, want its end", err)
	}
	close(release)
	if got := head(busy); !strings.Contains(got, "200 OK") || !strings.Contains(got, "Connection: close") {
		t.Errorf("got %q, want the answer and close", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestARetiringServerAnswersOnceMoreOnEveryConnection(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchOptions{}, newOrigin(t, always(okAnswer)).url)
	used, usedReader := b.dial()
	_, _ = io.WriteString(used, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if got := head(usedReader); strings.Contains(got, "Connection: close") {
		t.Fatalf("before it retires: %q, want a connection that stays", got)
	}
	_, _ = usedReader.Discard(usedReader.Buffered()) // the body
	b.server.Retire()
	fresh, freshReader := b.dial()
	for name, c := range map[string]struct {
		io.Writer
		*bufio.Reader
	}{"used": {used, usedReader}, "fresh": {fresh, freshReader}} {
		_, _ = io.WriteString(c.Writer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if got := head(c.Reader); !strings.Contains(got, "200 OK") || !strings.Contains(got, "Connection: close") {
			t.Errorf("the %s connection gets %q, want an answer that is its last", name, got)
		}
	}
}

func TestConnectionsOverTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	limits := defaultLimits()
	limits.ConnectionsPerIP = 1
	b := newBench(t, benchOptions{front: Front{Limits: limits}}, newOrigin(t, always(okAnswer)).url)
	c, r := b.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if got := head(r); !strings.Contains(got, "200") {
		t.Fatalf("got %q", got)
	}
	_, second := b.dial()
	if _, err := second.ReadByte(); err == nil {
		t.Error("the second connection was served, want it closed")
	}
}

func TestARequestAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, and empties the pools at random")
	}
	o := newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		buf, answer := make([]byte, 4096), []byte(okAnswer)
		for {
			if n, err := c.Read(buf); err != nil || n == 0 {
				return
			}
			_, _ = c.Write(answer)
		}
	})
	id := identity.Config{Trust: []netip.Prefix{loopback}, Key: []identity.Source{{Header: "X-User-Id"}, {Cookie: "sid"}}}
	k := &router.Cookie{Name: "sluice-id", TTL: time.Hour}
	keys := metrics.NewKeys(100)
	b := newBench(t, benchOptions{users: keys, identity: id, cookie: k, sticky: []selector.StickyBy{
		{Kind: selector.ByHeader, Name: "x-session"}, {Kind: selector.ByCookie, Name: "sluice-id"},
	}}, o.url)
	c, _ := b.dial()
	answer := make([]byte, 4096)
	for name, line := range map[string]string{"a new user": "", "a user with a key": "X-Session: ann\r\n"} {
		request := []byte("GET /a/b?x=1 HTTP/1.1\r\nHost: Shop.Example.Test\r\nUser-Agent: x\r\nX-User-Id: u\r\nCookie: sid=1\r\n" + line + "\r\n")
		got := testing.AllocsPerRun(500, func() {
			_, _ = c.Write(request)
			_, _ = c.Read(answer)
		})
		if got >= 1 {
			t.Errorf("%s: allocations per request = %v, want 0", name, got)
		}
	}
	log := access.New(10000, 10000)
	table := *b.live.Load()
	table.Access = log
	b.live.Store(router.New(table))
	request := []byte("GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n\r\n")
	noted := func() {
		_, _ = c.Write(request)
		_, _ = c.Read(answer)
		log.Free(<-log.Queue())
	}
	if got := testing.AllocsPerRun(500, noted); got >= 1 {
		t.Errorf("with an access log: allocations per request = %v, want 0", got)
	}
	if n := keys.Firsts(metrics.StableSide).Totals().Requests; n == 0 {
		t.Error("no user was counted: the table was not in the way")
	}
}

func TestAnAnswerBeforeABackendIsPickedIsCountedWithNone(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchOptions{canary: 10000}, newOrigin(t, always(okAnswer)).url, newOrigin(t, always(okAnswer)).url)
	for range 20 { // exchanges are used again: none may remember the last one's backend
		b.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if got := b.talk("GET / HTTP/1.1\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
			t.Fatalf("got %q", got)
		}
	}
	for i := range 2 {
		for _, a := range b.route.Meters[i].Totals().Answers {
			if a.Code == 400 {
				t.Errorf("backend %d has %d answers with 400, want none", i, a.Count)
			}
		}
	}
}
