package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// pattern is content in which a byte lost, doubled or moved shows.
func pattern(n int) []byte {
	p := make([]byte, 0, n+16)
	for i := 0; len(p) < n; i++ {
		p = strconv.AppendInt(p, int64(i), 36)
	}
	return p[:n]
}

// Around the sizes at which a body stops to fit into what holds it.
func TestALongBodyArrivesByteForByte(t *testing.T) {
	t.Parallel()
	var bodies [][]byte
	for _, size := range []int{payloadSize, 2 * payloadSize, wideSize, wideSize + payloadSize, 5 * wideSize} {
		for _, off := range []int{-200, -1, 0, 1} {
			bodies = append(bodies, pattern(size+off))
		}
	}
	b := newBench(t, benchOptions{}, newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		for h := head(r); h != ""; h = head(r) {
			var i int
			var framing string
			_, _ = fmt.Sscanf(h, "GET /%d/%s ", &i, &framing)
			if framing == "fixed" {
				_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(bodies[i]), bodies[i])
				continue
			}
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(bodies[i]), bodies[i])
		}
	}).url)
	c, r := b.dial()
	for i, want := range bodies {
		for _, framing := range []string{"fixed", "chunked"} {
			if _, err := fmt.Fprintf(c, "GET /%d/%s HTTP/1.1\r\nHost: a\r\n\r\n", i, framing); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(answer.Body); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s, %d bytes: got %d, %v", framing, len(want), len(got), err)
			}
		}
	}
}

// What a download holds does not depend on its length, nor on how slow its client is.
func TestDownloadsThatStallHoldNoMoreThanOneBufferEach(t *testing.T) {
	const clients, each = 100, 128 << 10
	body := make([]byte, 8<<20)
	b := newBench(t, benchOptions{}, newOrigin(t, func(c net.Conn, r *bufio.Reader) {
		if head(r) != "" {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body))
			_, _ = c.Write(body)
		}
	}).url)
	before := heapAndStacks()
	conns := make([]net.Conn, clients)
	for i := range conns {
		c, err := net.Dial("tcp", b.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		conns[i] = c
	}
	one := make([]byte, 12)
	for _, c := range conns {
		if _, err := io.ReadFull(c, one); err != nil || !strings.HasPrefix(string(one), "HTTP/1.1 200") {
			t.Fatalf("%q, %v", one, err)
		}
	}
	eventually(t, "every answer is under way", func() bool { return b.route.Backends[0].InFlight() == clients })
	if grown := heapAndStacks() - before; grown > clients*each {
		t.Errorf("%d downloads hold %d KiB, at most %d wanted", clients, grown>>10, clients*each>>10)
	}
}

func heapAndStacks() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
