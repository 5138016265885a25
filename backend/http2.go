package backend

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// http2 makes connections of HTTP/2 to an endpoint look like many of HTTP/1, one for each request: what carries a request is then the same
// whatever its backend speaks. The far end of such a connection in memory is net/http's server, whose handler asks the endpoint.
type http2 struct {
	endpoint  *Endpoint
	transport *http.Transport
	server    *http.Server

	mu      sync.Mutex
	conns   []*http.ClientConn
	streams int // connections in memory
	closed  bool
}

// memory is one connection in memory.
type memory struct {
	near  net.Conn
	far   net.Conn
	conn  *http.ClientConn // to the endpoint
	ended atomic.Bool      // the far end is closed
	lost  atomic.Bool      // the endpoint's connection was gone when the request met it
	// garbled says that what the endpoint speaks is no HTTP/2, denied that it refuses TLS with us.
	garbled, denied atomic.Bool
	// refused and retired say that the endpoint did nothing of the request: it took no such stream, or no further one on this connection.
	refused, retired atomic.Bool
}

// silent says that a request can be written: nothing has ended, at either end.
func (m *memory) silent() bool {
	return !m.ended.Load() && m.conn.Err() == nil && m.conn.Available() > 0
}

func newHTTP2(e *Endpoint) *http2 {
	h := &http2{endpoint: e}
	h.transport = &http.Transport{
		DialContext: handOver, DialTLSContext: handOver, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: e.pool.ttl,
		Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
	h.transport.Protocols.SetHTTP2(e.secure != nil)
	h.transport.Protocols.SetUnencryptedHTTP2(e.secure == nil)
	h.server = &http.Server{
		Handler: h, ErrorLog: log.New(io.Discard, "", 0), MaxHeaderBytes: 8 << 20, // what comes in is within the listener's limits
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, dialed{}, c.(*farEnd).m)
		},
	}
	return h
}

// stream is a connection in memory over one that is open; nil when none can take a request.
func (h *http2) stream() *memory {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := h.conns[:0]
	var free *http.ClientConn
	for _, c := range h.conns {
		if c.Err() != nil {
			_ = c.Close()
			continue
		}
		kept = append(kept, c)
		if free == nil && c.Available() > 0 {
			free = c
		}
	}
	clear(h.conns[len(kept):])
	h.conns = kept
	if free == nil {
		return nil
	}
	return h.over(free)
}

// begin makes a connection that was opened one of HTTP/2.
func (h *http2) begin(ctx context.Context, nc net.Conn) (*memory, error) {
	c, err := h.transport.NewClientConn(context.WithValue(ctx, dialed{}, nc), h.endpoint.scheme(), h.endpoint.address)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns = append(h.conns, c)
	return h.over(c), nil
}

// over is called with mu held.
func (h *http2) over(c *http.ClientConn) *memory {
	near, far := net.Pipe()
	m := &memory{near: near, far: far, conn: c}
	h.streams++
	_ = h.server.Serve(&oneDoor{conn: &farEnd{Conn: far, m: m, of: h}}) // in a goroutine of its own
	return m
}

// close lets the endpoint's connections end when no request is on them any more. One that chose the endpoint before may still come, and is
// carried like any other.
func (h *http2) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.endIfUnused()
}

// endIfUnused is called with mu held.
func (h *http2) endIfUnused() {
	if !h.closed || h.streams > 0 {
		return
	}
	for _, c := range h.conns {
		_ = c.Close()
	}
	h.conns = nil
}

// farEnd is the far end of a connection in memory.
type farEnd struct {
	net.Conn
	m  *memory
	of *http2
}

func (f *farEnd) Close() error {
	if !f.m.ended.Swap(true) {
		f.of.mu.Lock()
		defer f.of.mu.Unlock()
		f.of.streams--
		f.of.endIfUnused()
	}
	return f.Conn.Close()
}

// oneDoor lets one connection in. http2's server has no listener that would have to end before its requests do.
type oneDoor struct{ conn net.Conn }

func (d *oneDoor) Accept() (net.Conn, error) {
	c := d.conn
	if d.conn = nil; c == nil {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (d *oneDoor) Close() error   { return nil }
func (d *oneDoor) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }

// ServeHTTP asks the endpoint what a connection in memory asks. A panic with ErrAbortHandler breaks the connection off, so that the other
// end sees an answer that is not whole, or none.
func (h *http2) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := r.Context().Value(dialed{}).(*memory)
	control := http.NewResponseController(w)
	if control.EnableFullDuplex() != nil {
		panic(http.ErrAbortHandler)
	}
	out := h.request(w, r)
	if r.ContentLength != 0 {
		body := newUpload(r.Body)
		defer body.end(control)
		out.Body = body
	}
	resp, err := m.conn.RoundTrip(out)
	if err != nil {
		h.judge(m, err)
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	header := w.Header()
	for name, values := range resp.Header {
		header[name] = values
	}
	for _, invented := range [...]string{"Date", "Content-Type"} {
		if _, sent := header[invented]; !sent {
			header[invented] = nil
		}
	}
	if len(resp.Trailer) > 0 || isCall(resp.Header) {
		header.Del("Content-Length") // HTTP/1.1 has trailers behind chunks only
		for name := range resp.Trailer {
			header.Add("Trailer", name)
		}
	}
	w.WriteHeader(resp.StatusCode)
	if resp.ContentLength != 0 { // an answer that ends with its head, as a call that failed at once has it, has to end so on the other side too
		if err := relay(w, control, resp.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	for name, values := range resp.Trailer {
		header[http.TrailerPrefix+name] = values
	}
}

// judge notes why there is no answer.
func (h *http2) judge(m *memory, err error) {
	m.lost.Store(m.conn.Err() != nil)
	m.refused.Store(isRefused(err))
	m.retired.Store(isRetired(err))
	m.denied.Store(h.endpoint.Refusal(err))
	if isGarbled(err) {
		m.garbled.Store(true)
		h.endpoint.Trouble(errNoHTTP2)
	}
}

// request is the endpoint's version of a request; the target's bytes stay as they are.
func (h *http2) request(w http.ResponseWriter, r *http.Request) *http.Request {
	out := r.WithContext(withInterim(r.Context(), w))
	scheme := h.endpoint.scheme()
	out.URL = &url.URL{Scheme: scheme, Host: r.Host, Opaque: scheme + "://" + r.Host + r.RequestURI}
	if r.RequestURI == "*" {
		out.URL.Opaque = "*"
	}
	out.RequestURI = ""
	if _, sent := out.Header["User-Agent"]; !sent {
		out.Header["User-Agent"] = nil
	}
	out.Header.Del("Connection") // HTTP/2 has no upgrades: what is answered is the request without the wish
	out.Header.Del("Upgrade")
	if isCall(r.Header) {
		out.Header.Set("Te", "trailers") // without it some servers refuse a call
	}
	if r.ContentLength == 0 {
		out.Body = nil
	}
	return out
}

func isCall(h http.Header) bool {
	const base = "application/grpc"
	kind := h.Get("Content-Type")
	return len(kind) >= len(base) && kind[:len(base)] == base
}

// relay passes a body on as it comes.
func relay(w io.Writer, control *http.ResponseController, body io.Reader) error {
	buf := make([]byte, 16<<10)
	if err := control.Flush(); err != nil { // the head: a call's may come long before its first message
		return err
	}
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if err := control.Flush(); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
