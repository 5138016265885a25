package proxy

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

var testLimits = headLimits{bytes: 1 << 10, fields: 8}

func TestAHeadIsScannedWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	const input = "POST /a%2fb?q=1 HTTP/1.1\r\nHost: Shop.example:80\r\nX-Empty:\r\nContent-Length:  12 \r\nConnection: Close, x\r\n\r\n"
	var h requestHead
	for end := range len(input) {
		if n, err := h.scan([]byte(input[:end]), testLimits); n != 0 || err != nil {
			t.Fatalf("scan of the first %d bytes = %d, %v; want 0, nil", end, n, err)
		}
	}
	n, err := h.scan([]byte(input+"rest"), testLimits)
	if n != len(input) || err != nil {
		t.Fatalf("scan = %d, %v; want %d, nil", n, err, len(input))
	}
	if string(h.method) != "POST" || string(h.target) != "/a%2fb?q=1" || string(h.host) != "Shop.example:80" {
		t.Errorf("method %q, target %q, host %q", h.method, h.target, h.host)
	}
	if h.framing != fixed || h.length != 12 || !h.close || len(h.fields) != 4 {
		t.Errorf("framing %d, length %d, close %v, %d fields", h.framing, h.length, h.close, len(h.fields))
	}
}

func TestAMalformedHeadIsRefusedWithItsStatus(t *testing.T) {
	t.Parallel()
	const start, host = "GET / HTTP/1.1\r\n", "Host: a\r\n"
	for input, want := range map[string]int{
		"\n":                                          400,
		"GET /\r\n":                                   400,
		"GET  / HTTP/1.1\r\n":                         400,
		"GET / x HTTP/1.1\r\n":                        400,
		"GET /#a HTTP/1.1\r\n":                        400,
		"G@T / HTTP/1.1\r\n":                          400,
		"GET / HTTP/1.1\n":                            400,
		"GET / HTTP/1.1\rX":                           400,
		"GET / http/1.1\r\n":                          400,
		"GET / HTTP/1.2\r\n":                          505,
		"GET / HTTP/2.0\r\n":                          505,
		"CONNECT a:1 HTTP/1.1\r\n":                    405,
		"TRACE / HTTP/1.1\r\n":                        405,
		start + "\r\n":                                400,
		start + host + host + "\r\n":                  400,
		start + "Host: a b\r\n\r\n":                   400,
		start + "Host: a/b\r\n\r\n":                   400,
		start + "Host: u@a\r\n\r\n":                   400,
		start + host + " folded: x\r\n":               400,
		start + host + "name : x\r\n":                 400,
		start + host + "na me: x\r\n":                 400,
		start + host + ": x\r\n":                      400,
		start + host + "no colon\r\n":                 400,
		start + host + "x: a\x00b\r\n":                400,
		start + host + "x: a\x01b\r\n":                400,
		start + host + "x: a\n":                       400,
		start + host + "Content-Length: +1\r\n\r\n":   400,
		start + host + "Content-Length: 0x1\r\n\r\n":  400,
		start + host + "Content-Length: 1, 1\r\n\r\n": 400,
		start + host + "Content-Length:\r\n\r\n":      400,
		start + host + "Content-Length: 9999999999999999999\r\n\r\n":                      400,
		start + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n":                   400,
		start + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n":          400,
		start + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n": 400,
		start + host + "Transfer-Encoding: identity\r\n\r\n":                              501,
		start + host + "Transfer-Encoding: gzip, chunked\r\n\r\n":                         501,
		start + host + "Transfer-Encoding: \"chunked\"\r\n\r\n":                           501,
		"POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n":               400,
		start + host + "Expect: more\r\n\r\n":                                             417,
		"GET * HTTP/1.1\r\n" + host + "\r\n":                                              400,
		"GET a HTTP/1.1\r\n" + host + "\r\n":                                              400,
		"GET http://b/ HTTP/1.1\r\n" + host + "\r\n":                                      400,
		"GET http:///x HTTP/1.1\r\n" + host + "\r\n":                                      400,
		start + host + strings.Repeat("x: y\r\n", 8) + "\r\n":                             431,
		start + "x: " + strings.Repeat("a", 1<<10):                                        431,
	} {
		var h requestHead
		_, err := h.scan([]byte(input), testLimits)
		var r *refusal
		if !errors.As(err, &r) || r.status != want {
			t.Errorf("scan(%.60q) = %v, want status %d", input, err, want)
		}
	}
}

func TestTheFormsOfATargetAndOfAConnection(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]requestHead{
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n":                                                    {host: []byte("a")},
		"GET http://A/x HTTP/1.1\r\nHost: a\r\n\r\n":                                               {host: []byte("A")},
		"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n":                                                 {host: []byte("a")},
		"GET / HTTP/1.0\r\n\r\n":                                                                   {close: true},
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n":                                         {},
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n":           {host: []byte("a"), upgrade: true},
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n":                 {host: []byte("a")},
		"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nTransfer-Encoding: Chunked\r\n\r\n": {host: []byte("a"), expect: true, framing: chunked},
	} {
		var h requestHead
		if n, err := h.scan([]byte(input), testLimits); n != len(input) || err != nil {
			t.Errorf("scan(%q) = %d, %v", input, n, err)
			continue
		}
		if string(h.host) != string(want.host) || h.close != want.close || h.upgrade != want.upgrade || h.expect != want.expect || h.framing != want.framing {
			t.Errorf("scan(%q) = %+v, want %+v", input, h, want)
		}
	}
}

func TestScanningAllocatesNothing(t *testing.T) {
	input := []byte("GET /s HTTP/1.1\r\nHost: shop.example.test\r\nAccept: */*\r\nCookie: sid=1\r\nConnection: keep-alive\r\n\r\n")
	h := requestHead{fields: make([]field, 0, testLimits.fields)}
	if got := testing.AllocsPerRun(100, func() { _, _ = h.scan(input, testLimits) }); got != 0 {
		t.Errorf("allocations = %v, want 0", got)
	}
}

func FuzzWhatIsScannedIsFramedOnce(f *testing.F) {
	for _, s := range seeds(f, 'C', requestSeeds...) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		var h requestHead
		n, err := h.scan(input, testLimits)
		if err != nil || n == 0 {
			return
		}
		if n > len(input) || !strings.HasSuffix(string(input[:n]), "\r\n\r\n") || strings.Contains(string(input[:n-4]), "\r\n\r\n") {
			t.Errorf("scan(%q) = %d: not one head", input, n)
		}
	})
}

func TestEveryByteOfAValueIsLookedAt(t *testing.T) {
	t.Parallel()
	for length := range 40 {
		for at := range length {
			for c := range 256 {
				p := bytes.Repeat([]byte{'a'}, length)
				p[at] = byte(c)
				if got, want := control(p, 0) == len(p), all(p, isValue); got != want {
					t.Fatalf("control(%q) finds none: %v, want %v", p, got, want)
				}
			}
		}
	}
}
