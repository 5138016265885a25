package h2

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"sluice/internal/testkit"
)

// frame is one of HTTP/2 (RFC 9113, section 4.1).
func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	f := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(f, stream), payload...)
}

const (
	headersFrame, resetFrame, settingsFrame, pingFrame, goawayFrame, continuationFrame = 1, 3, 4, 6, 7, 9
)

// get is a header block that asks for /: indexed fields of the static table, and an authority.
var get = append([]byte{0x82, 0x86, 0x84, 0x41, 1}, 'a')

// flood sends frames until the server has had enough, and returns how many it took and the code of its GOAWAY, -1 without one.
func flood(t *testing.T, address string, most int, next func(i int) []byte) (sent, code int) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(testkit.Patience))
	if _, err := c.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(settingsFrame, 0, 0, nil)...)); err != nil {
		t.Fatal(err)
	}
	said := make(chan int, 1)
	go func() {
		code := -1
		defer func() { said <- code }()
		head := make([]byte, 9)
		for {
			if _, err := io.ReadFull(c, head); err != nil {
				return
			}
			payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
			if _, err := io.ReadFull(c, payload); err != nil {
				return
			}
			if head[3] == goawayFrame {
				code = int(binary.BigEndian.Uint32(payload[4:]))
			}
		}
	}()
	for sent = range most {
		if _, err := c.Write(next(sent)); err != nil {
			return sent, <-said
		}
	}
	return most, -2
}

func TestFloodsEndTheConnection(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	url := origins(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))["h1"]
	t.Cleanup(func() { close(release) })
	b := newBench(t, options{}, url)
	for name, c := range map[string]struct {
		most int
		next func(i int) []byte
	}{
		"rapid reset": {200_000, func(i int) []byte {
			id := uint32(2*i + 1)
			return append(frame(headersFrame, 0x5, id, get), frame(resetFrame, 0, id, []byte{0, 0, 0, 8})...)
		}},
		"CONTINUATION without end": {100_000, func(i int) []byte {
			if i == 0 {
				return frame(headersFrame, 0x1, 1, get)
			}
			field := append([]byte{0x00, 1, 'x', 0x7f, 0x81, 0x07}, bytes.Repeat([]byte{'y'}, 1024)...)
			return frame(continuationFrame, 0, 1, field)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if sent, code := flood(t, b.address, c.most, c.next); code == -2 {
				t.Errorf("%d frames were taken, want an end before", sent)
			}
		})
	}
}

func TestStreamsBeyondTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := newBench(t, options{}, origins(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))["h1"])
	t.Cleanup(func() { close(release) })
	c, err := net.Dial("tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(testkit.Patience))
	out := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(settingsFrame, 0, 0, nil)...)
	out = append(out, frame(settingsFrame, 1, 0, nil)...)
	for i := range MaxStreams + 1 {
		out = append(out, frame(headersFrame, 0x5, uint32(2*i+1), get)...)
	}
	if _, err := c.Write(out); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 9)
	for {
		if _, err := io.ReadFull(c, head); err != nil {
			t.Fatalf("before anything was refused: %v", err)
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(c, payload); err != nil {
			t.Fatal(err)
		}
		if id := binary.BigEndian.Uint32(head[5:]); head[3] == resetFrame && id == 2*MaxStreams+1 || head[3] == goawayFrame {
			if code := binary.BigEndian.Uint32(payload[len(payload)-4:]); head[3] == resetFrame && code != 7 && code != 1 {
				t.Errorf("the stream beyond the limit is reset with %d, want REFUSED_STREAM or PROTOCOL_ERROR", code)
			}
			break
		}
	}
	testkit.Until(t, testkit.Patience, "as many requests as a connection may have", func() (bool, any) {
		n := b.backend.InFlight()
		return n <= MaxStreams, fmt.Sprint(n)
	})
}
