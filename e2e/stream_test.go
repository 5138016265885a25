package e2e

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

// single is a proxy before one origin.
func single(t *testing.T, origin string) *testkit.Proxy {
	t.Helper()
	return testkit.Start(t, fmt.Sprintf("routes:\n  - {name: shop, backends: {stable: {endpoints: [%q]}}}\n", origin))
}

// long makes the bodies so large that a proxy which keeps a tenth of them is found out: go test ./e2e -run Large -long.
var long = flag.Bool("long", false, "large bodies of 500 MB instead of 64 MiB")

func TestLargeBodiesPassBothWaysInBoundedMemory(t *testing.T) {
	t.Parallel()
	const block = 64 << 10
	size := 64 << 20
	if *long {
		size = 500 << 20
	}
	chunk := noise(block)
	o := testkit.NewOrigin(t, "stable", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		if r.Method == "POST" {
			n, err := io.Copy(sum, r.Body)
			_, _ = fmt.Fprintln(w, n, hex.EncodeToString(sum.Sum(nil)), err)
			return
		}
		if r.URL.Path == "/fixed" {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		for range size / block {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	})
	p := single(t, o.URL)
	testkit.Ask(t, p.Web, "GET", "/warm")
	before := p.PeakMemory(t)
	whole := sha256.New()
	for range size / block {
		_, _ = io.WriteString(whole, chunk)
	}
	want := hex.EncodeToString(whole.Sum(nil))
	for _, target := range []string{"/fixed", "/chunked"} {
		if n, sum := download(t, p, target); n != int64(size) || sum != want {
			t.Errorf("GET %s: %d bytes with sum %s, want %d with %s", target, n, sum, size, want)
		}
	}
	for _, line := range []string{fmt.Sprint("Content-Length: ", size), "Transfer-Encoding: chunked"} {
		c := testkit.Dial(t, p.Web)
		c.Send(t, testkit.Head("POST", "/", line))
		for range size / block {
			if strings.HasPrefix(line, "Transfer") {
				c.Send(t, fmt.Sprintf("%x\r\n%s\r\n", block, chunk))
			} else {
				c.Send(t, chunk)
			}
		}
		if strings.HasPrefix(line, "Transfer") {
			c.Send(t, "0\r\n\r\n")
		}
		if a := c.Answer(t, "POST"); a.Body != fmt.Sprintln(size, want, nil) {
			t.Errorf("upload with %q: %q, want %d bytes with %s", line, a.Body, size, want)
		}
	}
	most := 64 << 20
	if testkit.Race {
		most *= 4
	}
	if got := p.PeakMemory(t) - before; got > most {
		t.Errorf("the proxy used %d MiB more for bodies of %d MiB, want at most %d", got>>20, size>>20, most>>20)
	}
}

func download(t *testing.T, p *testkit.Proxy, target string) (int64, string) {
	t.Helper()
	c := testkit.Dial(t, p.Web)
	c.Send(t, testkit.Head("GET", target))
	raw, err := http.ReadResponse(c.In, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, raw.Body)
	if err != nil {
		t.Fatalf("GET %s: after %d bytes: %v", target, n, err)
	}
	return n, hex.EncodeToString(sum.Sum(nil))
}

func TestAChunkIsPassedOnAtOnce(t *testing.T) {
	t.Parallel()
	seen := make(chan struct{})
	o := testkit.NewOrigin(t, "stable", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first\n")
		_ = http.NewResponseController(w).Flush()
		<-seen // the second part comes only when the client has the first
		_, _ = io.WriteString(w, "second\n")
	})
	c := testkit.Dial(t, single(t, o.URL).Web)
	c.Send(t, testkit.Head("GET", "/"))
	raw, err := http.ReadResponse(c.In, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReader(raw.Body)
	if line, err := body.ReadString('\n'); line != "first\n" {
		t.Fatalf("the first part is %q, %v", line, err)
	}
	close(seen)
	if rest, err := io.ReadAll(body); string(rest) != "second\n" || err != nil {
		t.Errorf("the rest is %q, %v; want the second part", rest, err)
	}
}

func TestAnAnswerThatIsCutNeverLooksWhole(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"a short Content-Length":       "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
		"chunks without the last":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
		"a chunk that ends in between": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this",
	} {
		url := testkit.NewRawOrigin(t, func(c *testkit.RawConn) {
			if _, err := c.Request(); err == nil {
				c.Say(answer)
			}
		})
		c := testkit.Dial(t, single(t, url).Web)
		c.Send(t, testkit.Head("GET", "/"))
		if a, err := c.Read("GET"); err == nil && a.Status < 500 {
			t.Errorf("%s: the client got a whole answer, %d %q", name, a.Status, a.Body)
		}
	}
}

func TestABrokenAnswerIsA502WithNoByteOfIt(t *testing.T) {
	t.Parallel()
	url := testkit.NewRawOrigin(t, func(c *testkit.RawConn) {
		if _, err := c.Request(); err == nil {
			c.Say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\nX-Secret: broken\r\n\r\nbroken")
		}
	})
	if a := testkit.Ask(t, single(t, url).Web, "GET", "/"); a.Status != 502 || strings.Contains(a.Body+fmt.Sprint(a.Header), "broken") {
		t.Errorf("the answer is %d %v %q, want 502 with nothing of the backend's", a.Status, a.Header, a.Body)
	}
}

func TestInterimAnswersArePassedOn(t *testing.T) {
	t.Parallel()
	o := testkit.NewOrigin(t, "stable", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	p := single(t, o.URL)
	c := testkit.Dial(t, p.Web)
	c.Send(t, testkit.Head("GET", "/"))
	if a := c.Answer(t, "GET"); a.Status != http.StatusEarlyHints || a.Header.Get("Link") == "" {
		t.Errorf("the first answer is %d %v, want 103 with its Link", a.Status, a.Header)
	}
	if a := c.Answer(t, "GET"); a.Status != 200 {
		t.Errorf("the second answer is %d, want 200", a.Status)
	}
	c.Send(t, "GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n")
	if a := c.Answer(t, "GET"); a.Status != 200 {
		t.Errorf("an HTTP/1.0 client got %d first, want no interim answer", a.Status)
	}
}

func TestAContinueIsTheBackendsToGive(t *testing.T) {
	t.Parallel()
	o := testkit.NewOrigin(t, "stable", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		body, _ := io.ReadAll(r.Body) // net/http says 100 here
		_, _ = w.Write(body)
	})
	p := single(t, o.URL)
	c := testkit.Dial(t, p.Web)
	c.Send(t, testkit.Head("POST", "/yes", "Expect: 100-continue", "Content-Length: 5"))
	if a := c.Answer(t, "POST"); a.Status != http.StatusContinue {
		t.Fatalf("the answer before the body is %d, want 100", a.Status)
	}
	c.Send(t, "hello")
	if a := c.Answer(t, "POST"); a.Status != 200 || a.Body != "hello" {
		t.Errorf("the answer is %d %q, want 200 hello", a.Status, a.Body)
	}
	c = testkit.Dial(t, p.Web)
	c.Send(t, testkit.Head("POST", "/no", "Expect: 100-continue", "Content-Length: 5"))
	if a := c.Answer(t, "POST"); a.Status != http.StatusForbidden {
		t.Errorf("the answer is %d, want 403 and no 100", a.Status)
	}
}

func TestWhatIsNotBuiltOrNotAllowedIsRefusedClearly(t *testing.T) {
	t.Parallel()
	o := testkit.NewOrigin(t, "stable", nil)
	p := single(t, o.URL)
	for _, c := range []struct {
		name, method, target string
		lines                []string
		want                 int
	}{
		{"another transfer coding", "POST", "/", []string{"Transfer-Encoding: gzip, chunked"}, 501},
		{"an unknown expectation", "POST", "/", []string{"Expect: miracles", "Content-Length: 0"}, 417},
		{"both framings", "POST", "/", []string{"Content-Length: 0", "Transfer-Encoding: chunked"}, 400},
		{"CONNECT", "CONNECT", "shop.test:443", []string{"Host: shop.test:443"}, 405},
		{"two hosts", "GET", "/", []string{"Host: a.test", "Host: b.test"}, 400},
	} {
		client := testkit.Dial(t, p.Web)
		client.Send(t, testkit.Head(c.method, c.target, c.lines...))
		if a := client.Answer(t, "GET"); a.Status != c.want || a.ServedBy() != "" {
			t.Errorf("%s: %d by %q, want the proxy's %d", c.name, a.Status, a.ServedBy(), c.want)
		}
	}
	if got := o.Count(); got != 0 {
		t.Errorf("%d refused requests reached the backend", got)
	}
}
