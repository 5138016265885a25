package interop

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

// ways are the ways in which net/http's server frames an answer, by path.
var ways = map[string]func(w http.ResponseWriter, body []byte){
	"/length": func(w http.ResponseWriter, body []byte) {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body)
	},
	"/chunks": func(w http.ResponseWriter, body []byte) {
		for half := range bytes.SplitSeq(body, []byte("-")) {
			_, _ = w.Write(half)
			_ = http.NewResponseController(w).Flush()
		}
	},
	"/close": func(w http.ResponseWriter, body []byte) {
		w.Header().Set("Transfer-Encoding", "identity") // net/http ends such a body with the connection
		_, _ = w.Write(body)
	},
	"/trailers": func(w http.ResponseWriter, body []byte) {
		w.Header().Set("Trailer", "X-Sum")
		_, _ = w.Write(body)
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("X-Sum", fmt.Sprint(len(body)))
	},
	"/nothing": func(w http.ResponseWriter, _ []byte) { w.WriteHeader(http.StatusNoContent) },
	"/hints": func(w http.ResponseWriter, body []byte) {
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = w.Write(body)
	},
}

// framings are the ways in which a request's body is framed.
var framings = map[string]func(body string) (io.Reader, int64, http.Header){
	"none":   func(string) (io.Reader, int64, http.Header) { return nil, 0, nil },
	"length": func(b string) (io.Reader, int64, http.Header) { return strings.NewReader(b), int64(len(b)), nil },
	"chunks": func(b string) (io.Reader, int64, http.Header) { return io.MultiReader(strings.NewReader(b)), -1, nil },
	"trailers": func(b string) (io.Reader, int64, http.Header) {
		return io.MultiReader(strings.NewReader(b)), -1, http.Header{"X-End": {"1"}}
	},
}

func TestNetHTTPUnderstandsItselfThroughTheProxyHoweverItFrames(t *testing.T) {
	t.Parallel()
	o := testkit.NewOrigin(t, "stable", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		w.Header().Set("Said", fmt.Sprint(r.Proto, " ", r.Method, " ", len(body), " end", r.Trailer.Get("X-End")))
		if len(body) == 0 {
			body = []byte("no-body")
		}
		ways[r.URL.Path](w, body)
	})
	p := before(t, o.URL, "")
	for framing, make := range framings {
		for _, size := range []int{3, 100_000} {
			for way := range ways {
				for _, how := range []string{"keep", "close", "expect", "1.0"} {
					t.Run(fmt.Sprint(framing, size, way, how), func(t *testing.T) {
						t.Parallel()
						text := strings.Repeat("a-c", size/3)
						body, length, trailer := make(text)
						if how == "1.0" && length < 0 {
							return // HTTP/1.0 has no chunks
						}
						r, err := http.NewRequest("POST", "http://"+p.Web+way, body)
						if err != nil {
							t.Fatal(err)
						}
						r.ContentLength, r.Trailer = length, trailer
						if body == nil {
							text = ""
						}
						check(t, p, r, how, way, text)
					})
				}
			}
		}
	}
}

// check sends the request and looks at the answer.
func check(t *testing.T, p *testkit.Proxy, r *http.Request, how, way, sent string) {
	t.Helper()
	hints := 0
	r = r.WithContext(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error { hints++; return nil },
	}))
	end := r.Trailer.Get("X-End")
	a, err := send(t, p, r, how)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	got, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatalf("after %d bytes: %v", len(got), err)
	}
	want, status := sent, http.StatusOK
	switch {
	case way == "/nothing":
		want, status = "", http.StatusNoContent
	case want == "":
		want = "no-body"
	}
	if way == "/chunks" {
		want = strings.ReplaceAll(want, "-", "")
	}
	said := fmt.Sprint("HTTP/1.1 POST ", len(sent), " end", end)
	if string(got) != want || a.StatusCode != status || a.Header.Get("Said") != said {
		t.Errorf("got %d %q with %d bytes, want %d %q with %d", a.StatusCode, a.Header.Get("Said"), len(got), status, said, len(want))
	}
	if sum := a.Trailer.Get("X-Sum"); way == "/trailers" && how != "1.0" && sum != fmt.Sprint(len(want)) {
		t.Errorf("the trailer is %q, want %d", sum, len(want))
	}
	if how != "1.0" && way == "/hints" && hints == 0 {
		t.Error("no interim answer, want 103")
	}
}

func send(t *testing.T, p *testkit.Proxy, r *http.Request, how string) (*http.Response, error) {
	t.Helper()
	if how == "1.0" { // which net/http's client does not speak, but reads
		var raw bytes.Buffer
		if err := r.Write(&raw); err != nil {
			return nil, err
		}
		c := testkit.Dial(t, p.Web)
		c.Send(t, strings.Replace(raw.String(), "HTTP/1.1\r\n", "HTTP/1.0\r\n", 1))
		return http.ReadResponse(c.In, r)
	}
	transport := &http.Transport{DisableKeepAlives: how == "close", ExpectContinueTimeout: testkit.Patience}
	t.Cleanup(transport.CloseIdleConnections)
	if how == "expect" && r.Body != nil {
		r.Header.Set("Expect", "100-continue")
	}
	return transport.RoundTrip(r)
}
