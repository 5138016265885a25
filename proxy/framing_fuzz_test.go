package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"

	"sluice/identity"
)

// The oracle is net/http: where it takes a message too, it has to find the same end and the same body. What it refuses and we take is
// for the strict suite to judge; what we refuse needs no oracle.

var requestSeeds = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\t003 \r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"\\\"\r\nabc\r\n0\r\nX-T: 1\r\n\r\nrest",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tChunked \r\n\r\n000A\r\n0123456789\r\n00\r\n\r\n",
	"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nab",
	"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET http://a/x?y HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nx",
}

var answerSeeds = []string{
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1",
	"HTTP/1.1 200\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA: b\r\n\r\nx",
	"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
	"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na",
	"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nxx",
	"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
	"HTTP/1.1 200 OK\r\nConnection: close\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
}

// readBody decodes a message's body in pieces; done is false when p does not hold it whole.
func readBody(f framing, length int64, p []byte, piece int) (content []byte, used int, done bool) {
	var b body
	b.start(f, length)
	content, used, err := decodeAll(&b, p, piece)
	return content, used, err == nil && b.done
}

// oracle is what net/http makes of the same bytes: content, how much of p it took, and whether it took it at all.
func oracle(p []byte, read func(*bufio.Reader) (io.ReadCloser, error)) (content []byte, used int, ok bool) {
	raw := bytes.NewReader(p)
	r := bufio.NewReader(raw)
	body, err := read(r)
	if err != nil {
		return nil, 0, false
	}
	content, err = io.ReadAll(body)
	return content, len(p) - raw.Len() - r.Buffered(), err == nil
}

func FuzzARequestEndsWhereNetHTTPSeesItsEnd(f *testing.F) {
	for _, s := range seeds(f, 'C', requestSeeds...) {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, input []byte, piece int) {
		var h requestHead
		n, err := h.scan(input, headLimits{bytes: 1 << 20, fields: 100})
		if n == 0 || err != nil {
			return
		}
		rest := input[n:]
		content, used, done := readBody(h.framing, h.length, rest, len(rest)+1)
		again, used2, done2 := readBody(h.framing, h.length, rest, 1+abs(piece)%64)
		if !bytes.Equal(content, again) && done || used != used2 && done || done != done2 {
			t.Fatalf("%q read in pieces: %q, %d, %v; at once: %q, %d, %v", input, again, used2, done2, content, used, done)
		}
		if !done {
			return
		}
		before := len(input) - len(bytes.TrimPrefix(input, []byte("\r\n"))) // net/http does not skip an empty line
		want, end, ok := oracle(input[before:], func(r *bufio.Reader) (io.ReadCloser, error) {
			q, err := http.ReadRequest(r)
			if err != nil {
				return nil, err
			}
			return q.Body, nil
		})
		if ok && (before+end != n+used || !bytes.Equal(content, want)) {
			t.Errorf("%q ends at %d with body %q; for net/http at %d with %q", input, n+used, content, end, want)
		}
	})
}

func FuzzAnAnswerEndsWhereNetHTTPSeesItsEnd(f *testing.F) {
	for _, s := range seeds(f, 'B', answerSeeds...) {
		f.Add([]byte(s), 1, false)
		f.Add([]byte(s), 1, true)
	}
	f.Fuzz(func(t *testing.T, input []byte, piece int, toHEAD bool) {
		var h answerHead
		n, err := h.scan(input, answerLimits, toHEAD)
		if n == 0 || err != nil {
			return
		}
		rest := input[n:]
		content, used, done := readBody(h.framing, h.length, rest, 1+abs(piece)%64)
		if h.framing == untilClose {
			done = true // the end of the input is the end of the connection
		}
		if !done {
			return
		}
		method := "GET"
		if toHEAD {
			method = "HEAD"
		}
		want, end, ok := oracle(input, func(r *bufio.Reader) (io.ReadCloser, error) {
			a, err := http.ReadResponse(r, &http.Request{Method: method})
			if err != nil {
				return nil, err
			}
			return a.Body, nil
		})
		if ok && (end != n+used || !bytes.Equal(content, want)) && !h.close {
			t.Errorf("%q ends at %d with body %q, and is followed by another; for net/http at %d with %q", input, n+used, content, end, want)
		}
	})
}

// What the backend gets of a request must be read by it as one request with the same end, too.
func FuzzWhatIsForwardedIsOneRequest(f *testing.F) {
	for _, s := range seeds(f, 'C', requestSeeds...) {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	reader := identity.New(identity.Config{})
	f.Fuzz(func(t *testing.T, input []byte, trusted bool) {
		var h requestHead
		n, err := h.scan(input, headLimits{bytes: 1 << 20, fields: 100})
		if n == 0 || err != nil {
			return
		}
		out := h.appendForward(nil, &forwarded{
			client: "192.0.2.1", proto: "http", backend: "stable", route: "shop", origin: "b", trusted: trusted, identity: reader,
			requestID: []byte("id"),
		})
		var g requestHead
		m, err := g.scan(out, headLimits{bytes: 1 << 21, fields: 200})
		if err != nil || m != len(out) {
			t.Fatalf("%q is forwarded as %q: %d of %d bytes, %v", input, out, m, len(out), err)
		}
		if g.framing != h.framing || g.length != h.length || g.http10 {
			t.Errorf("%q is forwarded as %q: framing %d %d, was %d %d", input, out, g.framing, g.length, h.framing, h.length)
		}
		for i := range g.fields {
			if f := &g.fields[i]; managedField(f.name) == ours && string(f.value) != "stable" && string(f.value) != "shop" {
				t.Errorf("%q is forwarded with the client's %q", input, f.line)
			}
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return ^n
	}
	return n
}
