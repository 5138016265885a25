package proxy

import (
	"testing"

	"sluice/identity"
)

// What each step of a request costs by itself, on a head as a browser behind a load balancer sends it.
var benchHead = []byte("GET /checkout/cart?item=42 HTTP/1.1\r\nHost: shop.example.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: text/html\r\nX-User-Id: user-77\r\nCookie: sid=0123456789abcdef\r\n\r\n")

var benchAnswer = []byte("HTTP/1.1 200 OK\r\nServer: upstream\r\nDate: Tue, 24 Nov 2026 10:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 128\r\nConnection: keep-alive\r\n\r\n")

func BenchmarkScanRequest(b *testing.B) {
	var h requestHead
	b.ReportAllocs()
	for b.Loop() {
		if n, err := h.scan(benchHead, testLimits); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkScanAnswer(b *testing.B) {
	var h answerHead
	b.ReportAllocs()
	for b.Loop() {
		if n, err := h.scan(benchAnswer, answerLimits, false); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkWriteForwardedHead(b *testing.B) {
	var h requestHead
	if _, err := h.scan(benchHead, testLimits); err != nil {
		b.Fatal(err)
	}
	w := forwarded{
		client: "192.0.2.7", proto: "http", backend: "canary", route: "shop", requestID: make([]byte, 32), believed: true,
		identity: identity.New(identity.Config{Key: []identity.Source{{Header: "X-User-Id"}}, Segment: []identity.Source{{Header: "X-User-Segment"}}}),
	}
	out := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		out = h.appendForward(out[:0], &w)
	}
}

func BenchmarkWriteAnswersHead(b *testing.B) {
	var h answerHead
	if _, err := h.scan(benchAnswer, answerLimits, false); err != nil {
		b.Fatal(err)
	}
	n := noted{requestID: make([]byte, 32)}
	out := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		out = h.appendPass(out[:0], &n)
	}
}
