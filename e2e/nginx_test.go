package e2e

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

// nginxConf is two servers of one nginx, which differ in their name alone. Debian's own files are not used.
const nginxConf = `daemon off;
%s
worker_processes 1;
pid %[2]s/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path %[2]s/body; proxy_temp_path %[2]s/proxy;
  fastcgi_temp_path %[2]s/fastcgi; uwsgi_temp_path %[2]s/uwsgi; scgi_temp_path %[2]s/scgi;
  client_max_body_size 0;
  server { listen %[3]s; set $me stable; include %[2]s/server.conf; }
  server { listen %[4]s; set $me canary; include %[2]s/server.conf; }
}
`

// serverConf serves files: as they are, through server-side includes (of unknown length, so chunked), and the same until the connection
// closes. /upload answers before it has read the body.
const serverConf = `
root %s/www;
add_header Served-By $me always;
add_header Connection-Requests $connection_requests always;
location / { }
location /chunked/ { ssi on; ssi_types *; alias %[1]s/www/; }
location /closing/ { ssi on; ssi_types *; alias %[1]s/www/; chunked_transfer_encoding off; }
location /upload { return 200 "taken\n"; }
`

// nginxes runs nginx and returns the URLs of its two servers. Its files are small.txt and large.bin, 16 MiB.
func nginxes(t *testing.T) (stable, canary, folder string) {
	t.Helper()
	binary, err := exec.LookPath("nginx")
	if err != nil {
		binary, err = exec.LookPath("/usr/sbin/nginx")
	}
	if err != nil {
		const message = "nginx is missing: install it (apt-get install nginx-light); `make test` does so as root"
		if os.Getenv("CI") == "true" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	folder = t.TempDir()
	first, second := testkit.FreeAddress(t), testkit.FreeAddress(t)
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;" // its workers read the test's folder
	}
	write(t, filepath.Join(folder, "nginx.conf"), fmt.Sprintf(nginxConf, user, folder, first, second))
	write(t, filepath.Join(folder, "server.conf"), fmt.Sprintf(serverConf, folder))
	if err := os.MkdirAll(filepath.Join(folder, "www", "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "www", "small.txt"), "small\n")
	write(t, filepath.Join(folder, "www", "large.bin"), noise(16<<20))
	testkit.Child(t, binary, "-p", folder, "-c", filepath.Join(folder, "nginx.conf"))
	for _, address := range []string{first, second} {
		testkit.AwaitListening(t, address)
	}
	return "http://" + first, "http://" + second, folder
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// noise is n bytes that no compression and no repetition makes smaller, always the same.
func noise(n int) string {
	var seed [32]byte
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return string(b)
}

func TestNginxBehindTheProxyAnswersAsItDoesAlone(t *testing.T) {
	t.Parallel()
	stable, canary, _ := nginxes(t)
	p := testkit.Start(t, shop(stable, canary, "    weights: {stable: 50%, canary: 50%}\n    sticky: {by: header, header: X-User}\n"))
	users := []string{"X-User: " + userOn(t, p, "stable"), "X-User: " + userOn(t, p, "canary")}
	for _, c := range []struct {
		name, method, target string
		lines                []string
	}{
		{name: "a file with Content-Length", method: "GET", target: "/small.txt"},
		{name: "a chunked answer", method: "GET", target: "/chunked/small.txt"},
		{name: "an answer that ends with the connection", method: "GET", target: "/closing/small.txt"},
		{name: "a large file", method: "GET", target: "/large.bin"},
		{name: "a large chunked answer", method: "GET", target: "/chunked/large.bin"},
		{name: "a HEAD", method: "HEAD", target: "/large.bin"},
		{name: "a HEAD of a chunked answer", method: "HEAD", target: "/chunked/small.txt"},
		{name: "a range", method: "GET", target: "/large.bin", lines: []string{"Range: bytes=100-299"}},
		{name: "a missing file", method: "GET", target: "/missing"},
		{name: "a redirect to a folder", method: "GET", target: "/folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, origin := range []string{stable, canary} {
				want := testkit.Ask(t, strings.TrimPrefix(origin, "http://"), c.method, c.target, c.lines...)
				got := testkit.Ask(t, p.Web, c.method, c.target, append(c.lines, users[i])...)
				sameAnswer(t, got, want)
			}
		})
	}
	t.Run("a 304", func(t *testing.T) {
		tag := testkit.Ask(t, p.Web, "GET", "/small.txt", users[0]).Header.Get("ETag")
		if a := testkit.Ask(t, p.Web, "GET", "/small.txt", users[0], "If-None-Match: "+tag); a.Status != http.StatusNotModified || a.Body != "" {
			t.Errorf("with If-None-Match the answer is %d with %d bytes, want 304 with none", a.Status, len(a.Body))
		}
	})
	t.Run("keep-alive", func(t *testing.T) { keepsAlive(t, p, users[0]) })
	t.Run("an upload that is answered early", func(t *testing.T) { uploads(t, p, users[1]) })
}

// userOn is a user whom the sticky draw gives to the backend.
func userOn(t *testing.T, p *testkit.Proxy, backend string) string {
	t.Helper()
	for i := range 100 {
		user := fmt.Sprint("user-", i)
		if testkit.Ask(t, p.Web, "GET", "/small.txt", "X-User: "+user).ServedBy() == backend {
			return user
		}
	}
	t.Fatalf("none of 100 users is on %s", backend)
	return ""
}

func sameAnswer(t *testing.T, got, want testkit.Answer) {
	t.Helper()
	if got.Status != want.Status || sha256.Sum256([]byte(got.Body)) != sha256.Sum256([]byte(want.Body)) {
		t.Errorf("the answer is %d with %d bytes, nginx alone gives %d with %d", got.Status, len(got.Body), want.Status, len(want.Body))
	}
	names := []string{"Served-By", "Content-Type", "Content-Length", "Content-Range", "ETag", "Last-Modified", "Server", "Location"}
	for _, name := range names {
		if got.Header.Get(name) != want.Header.Get(name) {
			t.Errorf("%s is %q, nginx alone gives %q", name, got.Header.Get(name), want.Header.Get(name))
		}
	}
	if n := len(got.Header.Values("Date")); n != 1 {
		t.Errorf("the answer has %d Date fields, want nginx's alone", n)
	}
}

// keepsAlive asks many times on one connection; nginx counts the requests on its side.
func keepsAlive(t *testing.T, p *testkit.Proxy, user string) {
	c := testkit.Dial(t, p.Web)
	reused := 0
	targets := []string{"/small.txt", "/chunked/small.txt", "/large.bin", "/missing", "/small.txt", "/closing/small.txt", "/small.txt"}
	for _, target := range targets {
		for _, method := range []string{"GET", "HEAD"} {
			c.Send(t, testkit.Head(method, target, user))
			if a := c.Answer(t, method); a.Header.Get("Connection-Requests") != "1" {
				reused++
			}
			if strings.HasPrefix(target, "/closing/") && method == "GET" {
				c = testkit.Dial(t, p.Web) // whether the proxy closes or chunks such an answer is its own choice
			}
		}
	}
	if reused < 8 {
		t.Errorf("of 14 requests on one connection %d used a kept connection to nginx, want most", reused)
	}
}

// uploads sends bodies of both framings to a place that answers without reading them.
func uploads(t *testing.T, p *testkit.Proxy, user string) {
	const size = 4 << 20
	for _, c := range []struct{ line, body string }{
		{fmt.Sprint("Content-Length: ", size), noise(size)},
		{"Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, noise(size))},
	} {
		client := testkit.Dial(t, p.Web)
		client.Send(t, testkit.Head("POST", "/upload", user, c.line))
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = io.WriteString(client, c.body) // the proxy may stop reading after the answer
		}()
		if a := client.Answer(t, "POST"); a.Status != http.StatusOK || a.Body != "taken\n" {
			t.Errorf("the upload with %q got %d %q, want 200 taken", c.line, a.Status, a.Body)
		}
		_ = client.Close()
		<-sent
	}
}
