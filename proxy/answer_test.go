package proxy

import (
	"errors"
	"testing"
)

func TestAnAnswersFramingFollowsItsFieldsStatusAndMethod(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		input   string
		toHEAD  bool
		status  int
		framing framing
		length  int64
		close   bool
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, 200, fixed, 3, false},
		{"HTTP/1.1 200\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", false, 200, fixed, 3, false},
		{"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n", false, 200, chunked, 0, false},
		{"HTTP/1.1 200 OK\r\n\r\n", false, 200, untilClose, 0, true},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, 200, noBody, 0, false},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", false, 304, noBody, 0, false},
		{"HTTP/1.1 204 \r\n\r\n", false, 204, noBody, 0, false},
		{"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", false, 103, noBody, 0, false},
		{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false, 200, fixed, 0, true},
		{"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, fixed, 0, true},
		{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false, 200, fixed, 0, false},
	} {
		var h answerHead
		for end := range len(c.input) {
			if n, err := h.scan([]byte(c.input[:end]), testLimits, c.toHEAD); n != 0 || err != nil {
				t.Fatalf("scan of %d bytes of %q = %d, %v; want 0, nil", end, c.input, n, err)
			}
		}
		n, err := h.scan([]byte(c.input+"x"), testLimits, c.toHEAD)
		if n != len(c.input) || err != nil || h.status != c.status || h.framing != c.framing || h.length != c.length || h.close != c.close {
			t.Errorf("scan(%q) = %d, %v: %+v, want %+v", c.input, n, err, h, c)
		}
	}
}

func TestABrokenAnswerIsRefused(t *testing.T) {
	t.Parallel()
	const start = "HTTP/1.1 200 OK\r\n"
	for _, input := range []string{
		"hello\r\n", "hello", "HTTP/2", "\x00\x00\x00\x04", "HTTP/1.1 20 OK\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 099 x\r\n", "HTTP/1.1 600 x\r\n", "HTTP/1.1 -20 x\r\n",
		"HTTP/2.0 200 OK\r\n", "HTTP/1.2 200 OK\r\n", "HTTP/1.1  200 OK\r\n", "HTTP/1.1 200 O\x00K\r\n", "HTTP/1.1 200 OK\n",
		start + "x: a\x00b\r\n", start + "x: a\rb\r\n", start + "x : a\r\n", start + " x: a\r\n", start + "x\r\n",
		start + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", start + "Content-Length: x\r\n\r\n",
		start + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", start + "Transfer-Encoding: gzip\r\n\r\n",
		start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", start + "x: " + repeat("a", 1<<10),
		start + repeat("x: y\r\n", 9) + "\r\n",
	} {
		var h answerHead
		if _, err := h.scan([]byte(input), testLimits, false); !errors.Is(err, errAnswer) {
			t.Errorf("scan(%.60q) = %v, want errAnswer", input, err)
		}
	}
}

func TestScanningAnAnswerAllocatesNothing(t *testing.T) {
	input := []byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\nX-A: b\r\n\r\n")
	h := answerHead{fields: make([]field, 0, testLimits.fields)}
	if got := testing.AllocsPerRun(100, func() { _, _ = h.scan(input, testLimits, false) }); got != 0 {
		t.Errorf("allocations = %v, want 0", got)
	}
}
