package proxy

import (
	"bytes"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"sluice/conformance"
	"sluice/identity"
	"sluice/router"
	"sluice/selector"
)

// seeds are what clients (C) or backends (B) say in the conversations of conformance/, and more.
func seeds(f *testing.F, who byte, more ...string) []string {
	f.Helper()
	cases, err := conformance.All()
	if err != nil {
		f.Fatal(err)
	}
	for i := range cases {
		if said := cases[i].Sent(who); said != "" && len(said) < 4096 {
			more = append(more, said)
		}
	}
	return more
}

func FuzzAChunkedBodyIsTheSameHoweverItIsCutAndFramedAnew(f *testing.F) {
	for _, s := range append(seeds(f, 'C'), seeds(f, 'B')...) {
		if _, body, ok := strings.Cut(s, "\r\n\r\n"); ok {
			f.Add([]byte(body), 3)
		}
	}
	f.Fuzz(func(t *testing.T, input []byte, piece int) {
		var whole, pieces body
		whole.start(chunked, 0)
		pieces.start(chunked, 0)
		content, used, err := decodeAll(&whole, input, len(input)+1)
		again, used2, err2 := decodeAll(&pieces, input, 1+abs(piece)%64)
		if err != err2 || whole.done != pieces.done || used != used2 || !bytes.Equal(content, again) || !bytes.Equal(whole.trailers, pieces.trailers) {
			t.Fatalf("%q at once: %q, %d, %v; in pieces: %q, %d, %v", input, content, used, err, again, used2, err2)
		}
		if used > len(input) || len(content) > used {
			t.Fatalf("%q: %d bytes of content in %d used of %d", input, len(content), used, len(input))
		}
		if err != nil || !whole.done || len(input) > payloadSize {
			return
		}
		reframed(t, input, content)
	})
}

// reframed frames a body anew in place, as a request's is, and reads it again.
func reframed(t *testing.T, input, content []byte) {
	t.Helper()
	var b, again body
	b.start(chunked, 0)
	again.start(chunked, 0)
	in := inbound{}
	in.take()
	defer in.release()
	in.hi += copy(in.buf[in.lo:], input)
	n, _, _ := b.decode(in.unread())
	out := bytes.Clone(in.chunk(n, len(b.trailers) == 0))
	if n == 0 || len(b.trailers) > 0 {
		out = appendTrailers(out, b.trailers, identity.New(identity.Config{}))
	}
	got, used, err := decodeAll(&again, out, len(out)+1)
	if err != nil || !again.done || used != len(out) || !bytes.Equal(got, content) {
		t.Errorf("%q goes on as %q, which is %q, %d, %v; want %q", input, out, got, used, err, content)
	}
}

func FuzzAnAnswerThatIsPassedOnIsOneAnswer(f *testing.F) {
	for _, s := range seeds(f, 'B', answerSeeds...) {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, input []byte, toHEAD bool) {
		var h, g answerHead
		n, err := h.scan(input, answerLimits, toHEAD)
		if n == 0 || err != nil {
			return
		}
		asChunks := h.framing == chunked || h.framing == untilClose
		out := h.appendPass(nil, &noted{requestID: []byte("id"), chunked: asChunks, cookie: []byte("Set-Cookie: a=b\r\n"), backend: "stable", reason: "weight"})
		m, err := g.scan(out, headLimits{bytes: 1 << 20, fields: 300}, toHEAD)
		if err != nil || m != len(out) || g.status != h.status {
			t.Fatalf("%q is passed on as %q: %d of %d bytes, %v", input, out, m, len(out), err)
		}
		if g.framing != h.framing && (!asChunks || g.framing != chunked) || g.length != h.length {
			t.Errorf("%q is passed on as %q: framing %d %d, was %d %d", input, out, g.framing, g.length, h.framing, h.length)
		}
	})
}

func FuzzAPathIsMatchedAsABackendMayTakeIt(f *testing.F) {
	for _, s := range []string{"/", "/a/../b", "/%2e%2e/a", "/a//b/./c", "/%2f", "/a%zz", "//x", "/..%2fa/", "/%252e%252e/", "/.../a", "/a/.."} {
		f.Add([]byte(s))
	}
	for _, s := range seeds(f, 'C') {
		var h requestHead
		if n, err := h.scan([]byte(s), testLimits); n > 0 && err == nil {
			f.Add(bytes.Clone(h.path()))
		}
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) == 0 || input[0] != '/' || !all(input, isTarget) || bytes.IndexByte(input, '?') >= 0 {
			return
		}
		var v view
		got := string(v.normalPath(input))
		if got == "" || got[0] != '/' {
			t.Fatalf("normalPath(%q) = %q, want a path", input, got)
		}
		for _, element := range strings.Split(strings.TrimSuffix(got, "/"), "/")[1:] {
			if element == "" || element == "." || element == ".." {
				t.Errorf("normalPath(%q) = %q: it holds the element %q", input, got, element)
			}
		}
		plain, err := url.PathUnescape(string(input))
		if want := path.Clean(plain); err == nil && want != strings.TrimSuffix(got, "/") && want != got {
			t.Errorf("normalPath(%q) = %q, for net/url and path it is %q", input, got, want)
		}
	})
}

// wholeCookie is a Set-Cookie line of ours.
var wholeCookie = regexp.MustCompile(`\ASet-Cookie: sluice-id=[A-Za-z0-9._-]+; Max-Age=3600; Path=/\r\n\z`)

func FuzzTheStickyCookieIsOursWhateverIsSentForIt(f *testing.F) {
	pick := selector.New(selector.Config{Route: "shop", Sticky: []selector.StickyBy{{Kind: selector.ByCookie, Name: "sluice-id"}}},
		selector.Split{Canary: 1, CanaryWeight: 5000, PairWeight: 10000, Salt: "a", Trial: true, Step: 1})
	draw := selector.Draw{Hi: 1, Lo: 2}
	minted := string(selector.AppendCookieID(nil, draw, 1_800_000_000))
	for _, s := range []string{"sluice-id=" + minted, "a=b; sluice-id=" + minted + "; c", "sluice-id=", "sluice-id", "sluice-id=x.y", ";;=;"} {
		f.Add([]byte(s), int64(1_800_003_000))
	}
	f.Fuzz(func(t *testing.T, input []byte, unix int64) {
		if !all(input, isValue) || unix < 0 || unix > 1<<40 {
			return
		}
		var h requestHead
		if n, err := h.scan([]byte("GET / HTTP/1.1\r\nHost: a\r\nCookie: "+string(input)+"\r\n\r\n"), testLimits); n == 0 || err != nil {
			return
		}
		v := view{head: &h, identity: identity.New(identity.Config{})}
		v.settle()
		c := pick.Pick(&v, v.identity.Read(&v), draw)
		k := router.Cookie{Name: "sluice-id", TTL: time.Hour, Attributes: "; Path=/"}
		line := appendCookie(nil, &k, &c, draw, v.Cookie("sluice-id"), unix, false)
		if len(line) > 0 && !wholeCookie.Match(line) {
			t.Errorf("for %q the client gets %q", input, line)
		}
		if again := pick.Pick(&v, v.identity.Read(&v), draw); again != c {
			t.Errorf("for %q the choice is %v, then %v", input, c, again)
		}
	})
}
