package interop

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/testkit"
)

// curled is an origin that serves content and tells what it was asked.
func curled(t *testing.T, content string) *testkit.Origin {
	t.Helper()
	return testkit.NewOrigin(t, "stable", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/file":
			http.ServeContent(w, r, "file", time.Unix(1e9, 0), strings.NewReader(content))
		case "/refuse":
			w.WriteHeader(http.StatusForbidden)
		default:
			n, err := io.Copy(io.Discard, r.Body)
			_, _ = fmt.Fprintf(w, "%s %s %s %v %d %v", r.Proto, r.Method, r.RequestURI, r.TransferEncoding, n, err)
		}
	})
}

func TestCurlUnderstandsWhatTheProxySays(t *testing.T) {
	t.Parallel()
	curl := tool(t, "curl", "curl")
	content := strings.Repeat("0123456789", 100_000)
	p := before(t, curled(t, content).URL, "")
	folder := t.TempDir()
	file := filepath.Join(folder, "upload")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	url := "http://" + p.Web
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a request":          {[]string{url + "/a?b"}, "HTTP/1.1 GET /a?b [] 0 <nil>"},
		"a raw path":         {[]string{"--path-as-is", url + "/a/../b//c;d"}, "HTTP/1.1 GET /a/../b//c;d [] 0 <nil>"},
		"HTTP/1.0":           {[]string{"--http1.0", url + "/"}, "HTTP/1.1 GET / [] 0 <nil>"},
		"a form":             {[]string{"-d", "a=b", url + "/"}, "HTTP/1.1 POST / [] 3 <nil>"},
		"a multipart form":   {[]string{"-o", "/dev/null", "-w", "%{http_code}", "-F", "f=@" + file, url + "/"}, "200"},
		"an upload":          {[]string{"-T", file, url + "/"}, "HTTP/1.1 PUT /upload [] 1000000 <nil>"},
		"an upload, waiting": {[]string{"-T", file, "-H", "Expect: 100-continue", "--expect100-timeout", "20", url + "/"}, "HTTP/1.1 PUT /upload [] 1000000 <nil>"},
		"a refused upload": {
			[]string{"-w", "%{http_code} %{size_upload}", "-T", file, "-H", "Expect: 100-continue", "--expect100-timeout", "20", url + "/refuse"}, "403 0",
		},
		"a chunked upload":  {[]string{"-T", "-", url + "/"}, "HTTP/1.1 PUT / [chunked] 1000000 <nil>"},
		"a download":        {[]string{"-w", "%{size_download}", "-o", "/dev/null", url + "/file"}, "1000000"},
		"a range":           {[]string{"-w", " %{http_code}", "-r", "10-19", url + "/file"}, "0123456789 206"},
		"an unknown range":  {[]string{"-w", "%{http_code}", "-o", "/dev/null", "-r", "2000000-", url + "/file"}, "416"},
		"HEAD":              {[]string{"-I", "-o", "/dev/null", "-w", "%{http_code} %header{content-length}", url + "/file"}, "200 1000000"},
		"not modified":      {[]string{"-w", "%{http_code} %{size_download}", "-z", "Mon, 10 Sep 2001 00:00:00 GMT", url + "/file"}, "304 0"},
		"OPTIONS *":         {[]string{"-X", "OPTIONS", "--request-target", "*", "-o", "/dev/null", "-w", "%{http_code}", url}, "200"},
		"a proxy's target":  {[]string{"-x", url, "http://shop.test/through"}, "HTTP/1.1 GET /through [] 0 <nil>"},
		"one connection":    {[]string{"-w", " %{num_connects}\n", url + "/1", url + "/2"}, "HTTP/1.1 GET /1 [] 0 <nil> 1\nHTTP/1.1 GET /2 [] 0 <nil> 0\n"},
		"no CONNECT":        {[]string{"-p", "-x", url, "-w", "%{http_connect}", "http://shop.test/"}, "405"},
		"a raw bad request": {[]string{"-w", "%{http_code}", "-o", "/dev/null", "-H", "Transfer-Encoding: gzip", "-d", "a", url + "/"}, "501"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, curl, append([]string{"-q", "-s", "-S", "--noproxy", "127.0.0.1"}, c.args...)...)
			if c.args[0] == "-x" || name == "no CONNECT" {
				cmd.Args = append([]string{curl, "-q", "-s", "-S"}, c.args...)
			}
			cmd.Stdin = strings.NewReader(content)
			var out, complaint bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &complaint
			err := cmd.Run()
			if out.String() != c.want || err != nil && name != "no CONNECT" {
				t.Errorf("curl %q = %.200q, %v, %s; want %q", c.args, out.String(), err, complaint.String(), c.want)
			}
		})
	}
}
