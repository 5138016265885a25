package proxy

import (
	"strings"
	"testing"

	"sluice/router"
)

func corsBench(t *testing.T) (*bench, *origin) {
	o := newOrigin(t, always("HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 2\r\n\r\nok"))
	return newBench(t, benchOptions{routed: func(r *router.Route) {
		r.CORS = &router.CORS{Origins: []string{"https://shop.example"}, Credentials: true, Preflight: "Access-Control-Allow-Methods: PUT\r\n"}
	}}, o.url), o
}

func TestAPreflightIsAnsweredHere(t *testing.T) {
	t.Parallel()
	b, o := corsBench(t)
	ask := func(origin string) string {
		return b.talk("OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: " + origin + "\r\nAccess-Control-Request-Method: PUT\r\nConnection: close\r\n\r\n")
	}
	got := ask("https://shop.example")
	for _, want := range []string{"HTTP/1.1 204 ", "Access-Control-Allow-Origin: https://shop.example\r\n", "Access-Control-Allow-Credentials: true\r\n", "Access-Control-Allow-Methods: PUT\r\n", "Vary: Origin\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("answer %q, want %q", got, want)
		}
	}
	if strings.Contains(got, "Content-Length") || !strings.HasSuffix(got, "\r\n\r\n") {
		t.Errorf("a 204 with a body: %q", got)
	}
	if got := ask("https://evil.example"); strings.Contains(got, "Access-Control") {
		t.Errorf("an origin that is not listed got %q", got)
	}
	if n := o.accepted.Load(); n != 0 {
		t.Errorf("the backend was asked %d times", n)
	}
}

func TestOurWordOnOriginsTakesThePlaceOfTheBackends(t *testing.T) {
	t.Parallel()
	b, _ := corsBench(t)
	get := func(origin string) string {
		return b.talk("GET / HTTP/1.1\r\nHost: a\r\n" + origin + "Connection: close\r\n\r\n")
	}
	if got := get("Origin: https://shop.example\r\n"); strings.Count(got, "Access-Control-Allow-Origin:") != 1 || !strings.Contains(got, "Origin: https://shop.example\r\n") {
		t.Errorf("a listed origin got %q", got)
	}
	for _, origin := range []string{"", "Origin: https://evil.example\r\n"} {
		if got := get(origin); strings.Contains(got, "Access-Control") || !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Errorf("%q got %q, want no permission", origin, got)
		}
	}
	if got := b.talk("OPTIONS / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("an OPTIONS that is no preflight got %q", got)
	}
}
