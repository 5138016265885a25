package h2

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/testkit"
	"sluice/proxy"
)

// rawClient speaks HTTP/2 by hand.
type rawClient struct {
	net.Conn
	t *testing.T
}

// dialRaw opens a connection, with no settings of its own.
func dialRaw(t *testing.T, b *bench) *rawClient {
	t.Helper()
	c, err := net.Dial("tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(testkit.Patience))
	r := &rawClient{c, t}
	r.send([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(settingsFrame, 0, 0, nil), frame(settingsFrame, 1, 0, nil))
	return r
}

func (c *rawClient) send(pieces ...[]byte) {
	c.t.Helper()
	if _, err := c.Write(bytes.Join(pieces, nil)); err != nil {
		c.t.Fatal(err)
	}
}

// next is the next frame; an error is the connection's end.
func (c *rawClient) next() (kind byte, stream uint32, payload []byte, err error) {
	head := make([]byte, 9)
	if _, err = io.ReadFull(c, head); err != nil {
		return 0, 0, nil, err
	}
	payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(c, payload)
	return head[3], binary.BigEndian.Uint32(head[5:]), payload, err
}

// until reads on until a frame of the kind comes; the end of the connection gives false.
func (c *rawClient) until(kind byte) (payload []byte, ok bool) {
	c.t.Helper()
	for range 1000 {
		got, _, payload, err := c.next()
		if ne, slow := err.(net.Error); slow && ne.Timeout() {
			c.t.Fatalf("no frame of kind %d, and no end, within %v", kind, testkit.Patience)
		}
		if err != nil {
			return nil, false
		}
		if got == kind {
			return payload, true
		}
	}
	c.t.Fatalf("no frame of kind %d among 1000", kind)
	return nil, false
}

func TestTheLimitsOfAConnectionAreSaid(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{}, "http://127.0.0.1:1")
	payload, ok := dialRaw(t, b).until(settingsFrame)
	if !ok {
		t.Fatal("no settings are said")
	}
	said := map[uint16]uint32{1: 4096, 5: 16 << 10} // what holds where nothing is said
	for ; len(payload) >= 6; payload = payload[6:] {
		said[binary.BigEndian.Uint16(payload)] = binary.BigEndian.Uint32(payload[2:])
	}
	if said[1] > 4096 || said[3] != MaxStreams || said[5] > 16<<10 || said[6] == 0 || said[6] > 80<<10 {
		t.Errorf("the settings are %v, want a table of 4096 (1), %d streams (3), frames of 16 KiB (5), and lists of about headerBytes (6)", said, MaxStreams)
	}
}

func TestATableThatIsLargerThanAllowedEndsTheConnection(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{}, "http://127.0.0.1:1")
	c := dialRaw(t, b)
	c.send(frame(headersFrame, 0x5, 1, append([]byte{0x3f, 0xe1, 0xff, 0x03}, get...))) // a table of 65536 from here on (RFC 7541, section 6.3)
	payload, ok := c.until(goawayFrame)
	if code := append(payload, make([]byte, 8)...)[7]; ok && code != 9 {
		t.Errorf("GOAWAY says %d, want COMPRESSION_ERROR", code)
	}
}

// A field of 4000 bytes that is said once and then named again and again, each time in one byte.
func TestAHeadThatUnpacksToMoreThanAllowedIsRefused(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	b := newBench(t, options{}, origins(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))["h1"])
	c := dialRaw(t, b)
	field := append([]byte{0x40, 1, 'x', 0x7f, 0xa1, 0x1e}, bytes.Repeat([]byte{'y'}, 4000)...)
	c.send(frame(headersFrame, 0x5, 1, append(append(append([]byte(nil), get...), field...), bytes.Repeat([]byte{0xbe}, 10_000)...)))
	for {
		kind, _, payload, err := c.next()
		if err != nil || kind == goawayFrame || kind == resetFrame {
			break
		}
		if kind == headersFrame {
			if !bytes.Contains(payload, []byte("431")) {
				t.Errorf("the head is answered with %q, want 431", payload)
			}
			break
		}
	}
	if asked.Load() != 0 {
		t.Error("the backend hears of it")
	}
}

func TestAConnectionOnWhichNothingIsAskedEnds(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string][]byte{
		"nothing":      nil,
		"half a head":  frame(headersFrame, 0x1, 1, get), // without END_HEADERS
		"half a frame": frame(headersFrame, 0x5, 1, get)[:7],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options{front: proxy.Front{Limits: proxy.Limits{HeaderBytes: 64 << 10, HeaderCount: 100, HeaderTimeout: 300 * time.Millisecond, IdleTimeout: 300 * time.Millisecond}}}
			c := dialRaw(t, newBench(t, o, "http://127.0.0.1:1"))
			c.send(sent)
			for {
				if _, ok := c.until(0xff); !ok {
					break
				}
			}
		})
	}
}

func TestABodyBelowTheRateIsRefused(t *testing.T) {
	t.Parallel()
	url := origins(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))["h1"]
	o := options{front: proxy.Front{Limits: proxy.Limits{HeaderBytes: 64 << 10, HeaderCount: 100, HeaderTimeout: 300 * time.Millisecond, IdleTimeout: time.Minute, BodyRate: 500}}}
	b := newBench(t, o, url)
	r, w := io.Pipe()
	defer w.Close()
	go func() { _, _ = w.Write([]byte("a")) }()
	resp, err := b.client.Post(b.url("/"), "text/plain", r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 408 {
		t.Errorf("a body that does not go on gets %d, want 408", resp.StatusCode)
	}
}

// pressure is far more than what buffers take.
const pressure = 64 << 20

// stalls waits until nothing more is taken, and says how much was.
func stalls(t *testing.T, poured *atomic.Int64) (n int64) {
	t.Helper()
	testkit.Until(t, testkit.Patience, "the side that pours to be held back", func() (bool, any) {
		n = poured.Load()
		<-time.After(300 * time.Millisecond) // what is shown is that nothing happens meanwhile
		return n > 0 && poured.Load() == n, n
	})
	return n
}

// pouring counts what is read of a body that is as large as pressure.
type pouring struct {
	io.Reader
	poured *atomic.Int64
}

func newPouring(poured *atomic.Int64) pouring {
	return pouring{io.LimitReader(zeros{}, pressure), poured}
}

func (p pouring) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.poured.Add(int64(n))
	return n, err
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestAClientOfHTTP2ThatDoesNotReadHoldsTheBackendBack(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"h1", "h2c"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var poured atomic.Int64
			b := newBench(t, options{}, origins(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.CopyBuffer(struct{ io.Writer }{w}, newPouring(&poured), make([]byte, 64<<10))
			}))[kind])
			client := *b.client
			client.Timeout = 5 * testkit.Patience // for all of it
			resp, err := client.Get(b.url("/"))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if n := stalls(t, &poured); n > pressure/2 {
				t.Errorf("%d MiB were taken from the backend while the client read nothing", n>>20)
			}
			if n, err := io.Copy(io.Discard, resp.Body); n != pressure || err != nil {
				t.Errorf("then it read %d bytes, %v; want all %d", n, err, pressure)
			}
		})
	}
}

func TestABackendThatDoesNotReadHoldsAClientOfHTTP2Back(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"h1", "h2c"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			goOn := make(chan struct{})
			b := newBench(t, options{}, origins(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				<-goOn
				n, err := io.Copy(io.Discard, r.Body)
				_, _ = fmt.Fprint(w, n, err)
			}))[kind])
			var poured atomic.Int64
			answer := make(chan string, 1)
			go func() {
				client := *b.client
				client.Timeout = 5 * testkit.Patience // for all of it
				resp, err := client.Post(b.url("/"), "text/plain", newPouring(&poured))
				if err != nil {
					answer <- err.Error()
					return
				}
				defer resp.Body.Close()
				text, _ := io.ReadAll(resp.Body)
				answer <- string(text)
			}()
			if n := stalls(t, &poured); n > pressure/2 {
				t.Errorf("%d MiB were taken from the client while the backend read nothing", n>>20)
			}
			close(goOn)
			if got, want := <-answer, fmt.Sprint(int64(pressure), error(nil)); got != want {
				t.Errorf("then the backend read %s, want %s", got, want)
			}
		})
	}
}

func TestConnectionsAreCountedOutWhenTheyEnd(t *testing.T) {
	t.Parallel()
	o := options{front: proxy.Front{Limits: proxy.Limits{HeaderBytes: 64 << 10, HeaderCount: 100, HeaderTimeout: time.Minute, IdleTimeout: time.Minute, ConnectionsPerIP: 1}}}
	b := newBench(t, o, origins(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))["h1"])
	for range 3 {
		var first *rawClient
		testkit.Until(t, testkit.Patience, "the connection before to be counted out", func() (bool, any) {
			first = dialRaw(t, b)
			_, ok := first.until(settingsFrame)
			return ok, nil
		})
		c, err := net.Dial("tcp", b.address)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(testkit.Patience))
		_, _ = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
		if n, err := c.Read(make([]byte, 1)); n > 0 || os.IsTimeout(err) {
			t.Errorf("a second connection of one address hears %d bytes, %v; want its end", n, err)
		}
		_ = c.Close()
		_ = first.Close()
	}
}
