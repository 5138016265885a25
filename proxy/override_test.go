package proxy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/metrics"
	"sluice/router"
)

var signing = &router.Override{Header: "x-override", Cookie: "pin", Query: "pin", Secret: []byte("a secret that nobody can guess, as it is long")}

func overriddenBench(t *testing.T) *bench {
	return newBench(t, benchOptions{routed: func(r *router.Route) {
		r.Override = signing
		r.Changes = &router.Changes{Request: &router.Headers{Remove: []string{"x-override"}}}
	}}, newOrigin(t, mirrorHead).url, newOrigin(t, mirrorHead).url)
}

func (b *bench) ask(target, lines string) (answer, asked string) {
	answer, asked, _ = strings.Cut(b.talk("GET "+target+" HTTP/1.1\r\nHost: a\r\n"+lines+"Connection: close\r\n\r\n"), "\r\n\r\n")
	return answer, asked
}

func TestAnOverrideNamesItsBackendAndDoesNotReachIt(t *testing.T) {
	t.Parallel()
	b := overriddenBench(t)
	good := signing.Sign("shop", "canary", time.Now().Add(time.Hour))
	for _, c := range []struct{ target, lines, wantTarget, wantCookie string }{
		{"/a?b=%63", "X-Override: " + good + "\r\n", "/a?b=%63", ""},
		{"/a?pin=" + good, "", "/a", ""},
		{"/a?b=1&pin=" + good + "&c=%20", "", "/a?b=1&c=%20", ""},
		{"/a?%70in=" + good + "&&c", "", "/a?&c", ""},
		{"/a", "Cookie: pin=" + good + "\r\nX-After: 1\r\n", "/a", ""},
		{"/a", "Cookie: a=1; pin=" + good + ";b=2\r\nX-After: 1\r\n", "/a", "Cookie: a=1; b=2\r\n"},
		{"/a", "Cookie: a=1\r\nCookie: pin=" + good + "\r\n", "/a", "Cookie: a=1\r\n"},
		{"/a?pin=" + good, "X-Override: rubbish\r\nCookie: pin=rubbish\r\n", "/a", ""},
	} {
		answer, asked := b.ask(c.target, c.lines)
		if !strings.HasPrefix(asked, "GET "+c.wantTarget+" HTTP/1.1\r\n") || !strings.Contains(asked, "Sluice-Backend: canary\r\n") {
			t.Errorf("%s %s: the backend got %q", c.target, c.lines, asked)
		}
		if strings.Contains(asked, good) || strings.Contains(asked, "rubbish") || strings.Contains(strings.ToLower(asked), "x-override") {
			t.Errorf("%s %s: the override reached the backend: %q", c.target, c.lines, asked)
		}
		if strings.Count(asked, "Cookie:") != strings.Count(c.wantCookie, "Cookie:") || !strings.Contains(asked, c.wantCookie) {
			t.Errorf("%s %s: the backend got %q, want %q", c.target, c.lines, asked, c.wantCookie)
		}
		if strings.Contains(c.lines, "X-After") && !strings.Contains(asked, "\r\nX-After: 1\r\n") {
			t.Errorf("%s %s: the backend got %q", c.target, c.lines, asked)
		}
		set := "\r\nSet-Cookie: pin=" + good + "; Max-Age="
		if strings.Contains(answer, set) != strings.Contains(c.target, good) {
			t.Errorf("%s %s: the client got %q", c.target, c.lines, answer)
		}
	}
	counts := b.totals(1, func(m metrics.Totals) bool { return m.Counts[metrics.Other].Requests == 8 })
	if counts.Counts[metrics.Drawn].Requests != 0 || counts.Counts[metrics.Other].Requests != 8 {
		t.Errorf("attempts: %+v, want 8 of others", counts.Counts)
	}
}

func TestAnOverrideThatIsNotGoodChangesNothingAndIsCounted(t *testing.T) {
	t.Parallel()
	b := overriddenBench(t)
	later := time.Now().Add(time.Hour)
	good := signing.Sign("shop", "canary", later)
	other := &router.Override{Secret: []byte("another secret that nobody can guess, as it is long")}
	bad := map[string]string{
		"over":              signing.Sign("shop", "canary", time.Now().Add(-time.Second)),
		"of another route":  signing.Sign("shop2", "canary", later),
		"unknown backend":   signing.Sign("shop", "canary2", later),
		"another secret":    other.Sign("shop", "canary", later),
		"another backend":   strings.Replace(good, "canary", "stable", 1),
		"longer":            strings.Replace(good, ".1", ".91", 1),
		"no signature":      good[:strings.LastIndexByte(good, '.')+1],
		"without dots":      "canary",
		"a name":            "canary.99999999999.",
		"a cut signature":   good[:len(good)-2],
		"with a line's end": good + "=",
		"huge":              strings.Repeat("a.", 5000),
	}
	for name, value := range bad {
		answer, asked := b.ask("/", "X-Override: "+value+"\r\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 200") || !strings.Contains(asked, "Sluice-Backend: stable\r\n") || strings.Contains(asked, "X-Override") {
			t.Errorf("%s: %q, the backend got %q", name, answer, asked)
		}
	}
	if got := b.server.Process.ClientErrors()[metrics.ClientOverride]; got != uint64(len(bad)) {
		t.Errorf("%d were counted, want %d", got, len(bad))
	}
	if answer, _ := b.ask("/?pin=", "Cookie: pin=\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 200") {
		t.Error(answer)
	}
	if got := b.server.Process.ClientErrors()[metrics.ClientOverride]; got != uint64(len(bad)) {
		t.Errorf("an empty override was counted")
	}
}

func TestAnOverrideHasNoFallback(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchOptions{routed: func(r *router.Route) {
		r.Override, r.Rescue = signing, &router.Rescue{To: 0}
	}}, newOrigin(t, mirrorHead).url, newOrigin(t, always("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")).url)
	answer, _ := b.ask("/", fmt.Sprintf("X-Override: %s\r\n", signing.Sign("shop", "canary", time.Now().Add(time.Hour))))
	if !strings.HasPrefix(answer, "HTTP/1.1 500 Oops") {
		t.Errorf("stable answered in its place: %q", answer)
	}
}
