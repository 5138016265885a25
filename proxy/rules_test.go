package proxy

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"sluice/request"
	"sluice/router"
)

// mirrorHead answers with the head that it got.
func mirrorHead(c net.Conn, r *bufio.Reader) {
	for h := head(r); h != ""; h = head(r) {
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nServer: x\r\nX-Own: 1\r\nContent-Length: %d\r\n\r\n%s", len(h), h)
	}
}

func TestARouteChangesFieldsOfBothDirections(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchOptions{routed: func(r *router.Route) {
		r.Changes = &router.Changes{
			Request:  &router.Headers{Remove: []string{"x-debug", "x-env"}, Lines: "X-Env: prod\r\n"},
			Response: &router.Headers{Remove: []string{"server"}, Lines: "X-Served-By: sluice\r\n"},
			Host:     "internal.example",
		}
	}}, newOrigin(t, mirrorHead).url)
	got := b.talk("GET /a?b=%63 HTTP/1.1\r\nHost: shop.example\r\nx-env: mine\r\nX-DEBUG: 1\r\nX-Keep: 2\r\nConnection: close\r\n\r\n")
	answer, asked, _ := strings.Cut(got, "\r\n\r\n")
	for _, want := range []string{"GET /a?b=%63 HTTP/1.1\r\n", "X-Env: prod\r\n", "X-Keep: 2\r\n", "Host: internal.example\r\n", "X-Forwarded-Host: shop.example\r\n"} {
		if strings.Count(asked, want) != 1 {
			t.Errorf("the backend got %q, want %q once", asked, want)
		}
	}
	for _, gone := range []string{"mine", "X-DEBUG", "Host: shop.example\r\nX-Keep"} {
		if strings.Contains(asked, gone) {
			t.Errorf("the backend got %q, which holds %q", asked, gone)
		}
	}
	if !strings.Contains(answer, "\r\nX-Served-By: sluice") || strings.Contains(answer, "Server:") || !strings.Contains(answer, "X-Own: 1") {
		t.Errorf("the client got %q", answer)
	}
}

func TestAPrefixIsRewrittenAndAllElseStaysRaw(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"/", "/base", "/base/"} {
		b := newBench(t, benchOptions{routed: func(r *router.Route) {
			shop := request.PathPrefix("/shop")
			r.Match = []request.Condition{{Path: &shop}}
			r.Changes = &router.Changes{Rewrite: &router.Rewrite{Prefix: prefix, Match: r.Match, Prefixes: []string{"/shop"}}}
		}}, newOrigin(t, mirrorHead).url)
		base := strings.TrimSuffix(prefix, "/")
		for target, want := range map[string]string{
			"/shop":                    prefix,
			"/shop?x":                  prefix + "?x",
			"/shop/a%20b//c?d=/shop":   base + "/a%20b//c?d=/shop",
			"http://a/shop/cart":       base + "/cart",
			"/shop/../shop/a":          "",
			"/shop/%2e%2e/shop/a":      "",
			"/shop/%2E./shop/a":        "",
			"/%73hop/a":                "",
			"/x/../shop/a":             "",
			"/shop/..%2fshop/x/shop/a": "",
			"/shop/...":                base + "/...",
			"/shop/.well-known/a..b":   base + "/.well-known/a..b",
		} {
			got := b.talk("GET " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			if want == "" {
				if !strings.HasPrefix(got, "HTTP/1.1 400 ") && !strings.HasPrefix(got, "HTTP/1.1 404 ") {
					t.Errorf("%s to %s: %q, want a refusal", target, prefix, got)
				}
				continue
			}
			if !strings.Contains(got, "\r\n\r\nGET "+want+" HTTP/1.1\r\n") {
				t.Errorf("%s to %s: %q, want %s", target, prefix, got, want)
			}
		}
	}
}

func TestARedirectSendsTheClientElsewhereAndTheConnectionStays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		to         router.Redirect
		host, want string
	}{
		{router.Redirect{Scheme: "https", Status: 308}, "shop.example:8080", "308 Permanent Redirect|https://shop.example/a%20b?c"},
		{router.Redirect{Host: "www.example:81", Status: 301}, "shop.example", "301 Moved Permanently|http://www.example:81/a%20b?c"},
		{router.Redirect{Path: "/new", Status: 302}, "shop.example:8080", "302 Found|http://shop.example:8080/new?c"},
	} {
		b := newBench(t, benchOptions{routed: func(r *router.Route) { r.Redirect = &c.to }}, closedURL(t))
		conn, r := b.dial()
		for range 2 {
			_, _ = fmt.Fprintf(conn, "HEAD /a%%20b?c HTTP/1.1\r\nHost: %s\r\n\r\n", c.host)
			status, place, _ := strings.Cut(c.want, "|")
			if got := head(r); !strings.HasPrefix(got, "HTTP/1.1 "+status+"\r\n") || !strings.Contains(got, "\r\nLocation: "+place+"\r\n") {
				t.Errorf("%+v: %q, want %s", c.to, got, c.want)
			}
		}
	}
}
