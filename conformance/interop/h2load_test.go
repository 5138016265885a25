package interop

import (
	"context"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

func TestEveryRequestOfH2loadIsAnswered(t *testing.T) {
	t.Parallel()
	load := tool(t, "h2load", "nghttp2-client")
	origin := testkit.NewOrigin(t, "stable", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 20_000)) })
	e := newEdge(t, "  - {name: shop, backends: {stable: {endpoints: [\""+origin.URL+"\"]}}}\n")
	for name, url := range map[string]string{"h2c": "http://" + e.Web, "TLS": "https://" + e.Secure} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
			defer cancel()
			out, err := exec.CommandContext(ctx, load, "-n", "2000", "-c", "8", "-m", "32", url+"/").CombinedOutput()
			if err != nil || !strings.Contains(string(out), "status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestCurlSpeaksHTTP2(t *testing.T) {
	t.Parallel()
	curl := tool(t, "curl", "curl")
	p := curled(t, strings.Repeat("0123456789", 100_000))
	e := newEdge(t, "  - {name: shop, backends: {stable: {endpoints: [\""+p.URL+"\"]}}}\n")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"by ALPN":            {[]string{"--http2", "https://" + e.Secure + "/a%2fb?c"}, "HTTP/1.1 GET /a%2fb?c [] 0 <nil>2 200"},
		"HTTP/1.1 by ALPN":   {[]string{"--http1.1", "https://" + e.Secure + "/"}, "HTTP/1.1 GET / [] 0 <nil>1.1 200"},
		"by prior knowledge": {[]string{"--http2-prior-knowledge", "-d", "abc", "http://" + e.Web + "/"}, "HTTP/1.1 POST / [] 3 <nil>2 200"},
		"no upgrade":         {[]string{"--http2", "http://" + e.Web + "/"}, "HTTP/1.1 GET / [] 0 <nil>1.1 200"},
		"a download":         {[]string{"--http2", "-o", "/dev/null", "-w", "%{size_download} ", "https://" + e.Secure + "/file"}, "1000000 2 200"},
		"plain on TLS":       {[]string{"-o", "/dev/null", "http://" + e.Secure + "/"}, "1 400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
			defer cancel()
			format := "%{http_version} %{http_code}"
			if len(c.args) > 4 {
				format = c.args[4] + format
			}
			args := append([]string{"-q", "-sS", "--noproxy", "*", "--cacert", e.Authority.File}, c.args...)
			out, err := exec.CommandContext(ctx, curl, append(args, "-w", format)...).CombinedOutput()
			if string(out) != c.want || err != nil {
				t.Errorf("curl %q = %.200q, %v; want %q", c.args, out, err, c.want)
			}
		})
	}
}
