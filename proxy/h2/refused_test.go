package h2

import (
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"sluice/internal/testkit"
	"sluice/metrics"
	"sluice/router"
)

// rawBackend speaks HTTP/2 by hand: script says what follows the n-th request of all connections, which came on the given stream of its
// own, "" being the end of the connection.
type rawBackend struct {
	url    string
	mu     sync.Mutex
	asked  int
	script func(n int, stream uint32) []byte
}

func newRawBackend(t *testing.T, script func(n int, stream uint32) []byte) *rawBackend {
	t.Helper()
	b := &rawBackend{script: script}
	b.url = "h2c" + strings.TrimPrefix(testkit.NewRawOrigin(t, b.speak), "http")
	return b
}

func (b *rawBackend) speak(c *testkit.RawConn) {
	if _, err := io.ReadFull(c.In, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	_, _ = c.Write(frame(settingsFrame, 0, 0, nil))
	head := make([]byte, 9)
	for {
		if _, err := io.ReadFull(c.In, head); err != nil {
			return
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(c.In, payload); err != nil {
			return
		}
		switch kind, ack := head[3], head[4]&1 == 1; {
		case kind == settingsFrame && !ack:
			_, _ = c.Write(frame(settingsFrame, 1, 0, nil))
		case kind == pingFrame && !ack:
			_, _ = c.Write(frame(pingFrame, 1, 0, payload))
		case kind == headersFrame:
			b.mu.Lock()
			b.asked++
			n := b.asked
			b.mu.Unlock()
			answer := b.script(n, binary.BigEndian.Uint32(head[5:]))
			if answer == nil {
				return
			}
			_, _ = c.Write(answer)
		}
	}
}

func (b *rawBackend) requests() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

func fine(stream uint32) []byte { return frame(headersFrame, 0x5, stream, []byte{0x88}) } // :status 200 and no more

func reset(stream uint32, code byte) []byte {
	return frame(resetFrame, 0, stream, []byte{0, 0, 0, code})
}

func goaway(last uint32, code byte) []byte {
	return frame(goawayFrame, 0, 0, append(binary.BigEndian.AppendUint32(nil, last), 0, 0, 0, code))
}

// ask makes a request of HTTP/1, with a body of three bytes that arrives with its head where it is a POST.
func (b *bench) ask(t *testing.T, method string) int {
	t.Helper()
	c := testkit.Dial(t, b.address)
	text := testkit.Head(method, "/")
	if method == "POST" {
		text = testkit.Head(method, "/", "Content-Length: 3") + "abc"
	}
	c.Send(t, text)
	return c.Answer(t, method).Status
}

// settled are the counts when nothing is under way.
func (b *bench) settled(t *testing.T) metrics.Totals {
	t.Helper()
	var out metrics.Totals
	testkit.Until(t, testkit.Patience, "everything to be counted", func() (bool, any) {
		out = b.meter.Totals()
		return out.Counts[metrics.Drawn].Unfinished == 0 && out.Counts[metrics.Other].Unfinished == 0, out.Counts
	})
	return out
}

const refusedStream, internalError, enhanceYourCalm = 7, 2, 11

func TestARefusedStreamIsTriedAgainUnderTheRulesOfRetries(t *testing.T) {
	t.Parallel()
	onlyRefused := func(methods ...metrics.Method) *router.Retry {
		r := &router.Retry{Attempts: 1, Refused: true, Budget: router.Budget{Share: 10000}}
		for _, m := range methods {
			r.Methods[m] = true
		}
		return r
	}
	for name, c := range map[string]struct {
		retry   *router.Retry
		method  string
		code    byte
		status  int
		retried uint64
		kind    metrics.UpstreamError
	}{
		"a GET":               {onlyRefused(metrics.MethodGet), "GET", refusedStream, 200, 1, metrics.UpstreamRefused},
		"a POST":              {onlyRefused(metrics.MethodPost), "POST", refusedStream, 200, 1, metrics.UpstreamRefused},
		"another method":      {onlyRefused(metrics.MethodGet), "POST", refusedStream, 503, 0, metrics.UpstreamRefused},
		"no retries":          {nil, "GET", refusedStream, 503, 0, metrics.UpstreamRefused},
		"another reset":       {onlyRefused(metrics.MethodGet), "GET", internalError, 502, 0, metrics.UpstreamReset},
		"another kind listed": {&router.Retry{Attempts: 1, S504: true, Methods: onlyRefused(metrics.MethodGet).Methods}, "GET", refusedStream, 503, 0, metrics.UpstreamRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := newRawBackend(t, func(_ int, stream uint32) []byte { return reset(stream, c.code) })
			good := newRawBackend(t, func(_ int, stream uint32) []byte { return fine(stream) })
			b := newBench(t, options{retry: c.retry, others: []string{good.url}}, bad.url)
			statuses := []int{b.ask(t, c.method), b.ask(t, c.method)} // in turn, one of them begins at the endpoint that refuses
			if statuses[0]+statuses[1] != 200+c.status {
				t.Errorf("answers %v, want 200 and %d", statuses, c.status)
			}
			m := b.settled(t)
			if m.Requests != 2 || m.Errors != 1 || m.Retries[metrics.RetryRefused] != c.retried || m.UpstreamErrors[c.kind] != 1 {
				t.Errorf("%d judged, %d errors, retries %v, upstream errors %v; want 2, 1, %d for a refused stream, and one %v",
					m.Requests, m.Errors, m.Retries, m.UpstreamErrors, c.retried, c.kind)
			}
			if bad.requests() != 1 {
				t.Errorf("the endpoint that refuses was asked %d times, want once", bad.requests())
			}
		})
	}
}

func TestARefusedStreamIsTriedAgainInsideTheBudget(t *testing.T) {
	t.Parallel()
	bad := newRawBackend(t, func(_ int, stream uint32) []byte { return reset(stream, refusedStream) })
	r := &router.Retry{Attempts: 1, Refused: true}
	r.Methods[metrics.MethodGet] = true
	b := newBench(t, options{retry: r}, bad.url)
	for range 8 {
		if got := b.ask(t, "GET"); got != 503 {
			t.Fatalf("answer %d, want 503", got)
		}
	}
	if n := bad.requests(); n != 8+3 {
		t.Errorf("the backend was asked %d times, want 8 and the 3 retries that are free", n)
	}
}

func TestWhatCameTooLateForAConnectionGoesOverAnother(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]byte{"without an error": 0, "with one": enhanceYourCalm} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(method+" "+name, func(t *testing.T) {
				t.Parallel()
				backend := newRawBackend(t, func(n int, stream uint32) []byte {
					if n%2 == 1 {
						return goaway(stream-1, code)
					}
					return fine(stream)
				})
				b := newBench(t, options{}, backend.url)
				for range 2 {
					if got := b.ask(t, method); got != 200 {
						t.Errorf("answer %d, want 200 of a connection that goes on", got)
					}
				}
				if m := b.settled(t); m.Requests != 2 || m.Errors != 0 || m.Retries[metrics.RetryStale] != 2 {
					t.Errorf("%d judged, %d errors, retries %v; want 2, 0, 2 stale", m.Requests, m.Errors, m.Retries)
				}
			})
		}
	}
}

func TestABodyThatIsOnItsWayGoesOverNoOtherConnection(t *testing.T) {
	t.Parallel()
	backend := newRawBackend(t, func(_ int, stream uint32) []byte { return goaway(stream-1, 0) })
	b := newBench(t, options{}, backend.url)
	resp, err := b.client.Post(b.url("/"), "text/plain", strings.NewReader("abc")) // of HTTP/2, where it comes after the head
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if m := b.settled(t); resp.StatusCode != 503 || m.Errors != 1 || backend.requests() != 1 {
		t.Errorf("answer %d, %d errors after %d requests; want 503, 1 after 1", resp.StatusCode, m.Errors, backend.requests())
	}
}

func TestABackendThatTakesNothingIsToBlame(t *testing.T) {
	t.Parallel()
	backend := newRawBackend(t, func(_ int, stream uint32) []byte { return goaway(stream-1, 0) })
	b := newBench(t, options{}, backend.url)
	if got := b.ask(t, "POST"); got != 503 {
		t.Errorf("answer %d, want 503", got)
	}
	if m := b.settled(t); m.Requests != 1 || m.Errors != 1 || backend.requests() != 2 {
		t.Errorf("%d judged, %d errors, %d times asked; want 1, 1, 2", m.Requests, m.Errors, backend.requests())
	}
}

func TestWhatMayHaveBeenDoneIsNotDoneAgain(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(stream uint32) []byte{
		"a connection that breaks":          func(uint32) []byte { return nil },
		"a GOAWAY that has it in, and ends": func(stream uint32) []byte { return append(goaway(stream, 0), reset(stream, internalError)...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := newRawBackend(t, func(n int, stream uint32) []byte {
				if n == 1 {
					return fine(stream)
				}
				return answer(stream)
			})
			b := newBench(t, options{}, backend.url)
			if got := b.ask(t, "POST"); got != 200 {
				t.Fatalf("answer %d, want 200", got)
			}
			if got := b.ask(t, "POST"); got != 502 || backend.requests() != 2 {
				t.Errorf("answer %d after %d requests, want 502 after 2: it may have been done", got, backend.requests())
			}
		})
	}
}

// A call in which both sides have nothing to say for a while, until the backend ends it in one way or another.
func TestTheEndOfACallIsHeardWhileItsClientSaysNothing(t *testing.T) {
	t.Parallel()
	trailers := append([]byte{0x88, 0x00, 11}, "grpc-status\x02"+"14"...) // an answer that ends with its head
	for name, c := range map[string]struct {
		answer func(stream uint32) []byte
		status int
	}{
		"the stream is refused":      {func(s uint32) []byte { return reset(s, refusedStream) }, 503},
		"the stream is reset":        {func(s uint32) []byte { return reset(s, internalError) }, 502},
		"the connection is closed":   {func(uint32) []byte { return nil }, 502},
		"the connection goes away":   {func(s uint32) []byte { return goaway(s-1, 0) }, 503},
		"it is answered with no end": {func(s uint32) []byte { return frame(headersFrame, 0x5, s, trailers) }, 200},
	} {
		for _, version := range []string{"HTTP/1", "HTTP/2"} {
			t.Run(version+" "+name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, options{}, newRawBackend(t, func(_ int, stream uint32) []byte { return c.answer(stream) }).url)
				body, more := io.Pipe()
				defer more.Close()
				client := http.DefaultClient
				if version == "HTTP/2" {
					client = b.client
				}
				ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, "POST", b.url("/"), body)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/grpc")
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if resp.StatusCode != c.status {
					t.Errorf("answer %d, want %d", resp.StatusCode, c.status)
				}
			})
		}
	}
}
