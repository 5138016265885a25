// Package h2 is the HTTP/2 front: net/http speaks the protocol (frames, flow control, HPACK and their limits), and each request becomes an
// exchange of package proxy, which carries it like one of HTTP/1: nothing that a request meets is written twice.
//
// It routes, chooses and measures nothing. Start at Front.Serve, then stream.go.
package h2

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"sluice/proxy"
)

// MaxStreams is how many requests one connection may have under way: net/http counts the handlers that still run, not the streams that are
// open, so requests that are given up at once (rapid reset, CVE-2023-44487) make no more.
const MaxStreams = 250

// Front speaks HTTP/2 on the connections that a proxy.Server gives it.
type Front struct {
	server *proxy.Server

	mu      sync.Mutex
	doors   map[*proxy.Front]*door // by the settings in force when it was made
	closing bool
	serving sync.WaitGroup
}

// New makes the front of a server and gives it its connections.
func New(s *proxy.Server) *Front {
	f := &Front{server: s, doors: map[*proxy.Front]*door{}}
	s.SpeakHTTP2(f)
	return f
}

// Serve takes a connection over.
func (f *Front) Serve(l *proxy.Listener, c net.Conn) {
	if d := f.door(l); d != nil {
		select {
		case d.conns <- c:
			return
		case <-d.closed:
		}
	}
	l.Leave(c)
	_ = c.Close()
}

// door is where net/http takes connections of one listener, under one configuration: a reload makes another.
type door struct {
	listener *proxy.Listener
	http     *http.Server
	conns    chan net.Conn
	closed   chan struct{}
	shut     sync.Once
}

func (f *Front) door(l *proxy.Listener) *door {
	settings := l.Front()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing {
		return nil
	}
	if d := f.doors[settings]; d != nil {
		return d
	}
	for old, d := range f.doors {
		if d.listener == l { // its connections go on until their clients have heard that they shall open others
			delete(f.doors, old)
			f.serving.Go(func() { _ = d.http.Shutdown(context.Background()) })
		}
	}
	d := &door{listener: l, conns: make(chan net.Conn), closed: make(chan struct{})}
	d.http = f.newServer(l, settings)
	f.doors[settings] = d
	f.serving.Go(func() { _ = d.http.Serve(d) })
	return d
}

func (f *Front) newServer(l *proxy.Listener, settings *proxy.Front) *http.Server {
	limits := &settings.Limits
	s := &http.Server{
		Handler:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.serve(l, w, r) }),
		IdleTimeout: limits.IdleTimeout, ReadHeaderTimeout: limits.HeaderTimeout, MaxHeaderBytes: limits.HeaderBytes,
		ErrorLog:  log.New(io.Discard, "", 0),
		Protocols: new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: MaxStreams, MaxDecoderHeaderTableSize: 4 << 10, MaxEncoderHeaderTableSize: 4 << 10,
			MaxReadFrameSize: 16 << 10, MaxReceiveBufferPerStream: 256 << 10, MaxReceiveBufferPerConnection: 1 << 20,
			SendPingTimeout: limits.IdleTimeout, PingTimeout: 15 * time.Second, WriteByteTimeout: limits.IdleTimeout,
		},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, patience{}, &patience{conn: c})
		},
		ConnState: func(c net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				l.Leave(c)
			}
		},
	}
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

// serve carries one request.
func (f *Front) serve(l *proxy.Listener, w http.ResponseWriter, r *http.Request) {
	s := newStream(w, r)
	if f.server.Retiring() {
		w.Header().Set("Connection", "close") // net/http makes it a GOAWAY
	}
	f.server.Exchange(l, s)
	if p, ok := r.Context().Value(patience{}).(*patience); ok {
		p.note(r.Context().Err() != nil)
	}
	if !s.whole() {
		panic(http.ErrAbortHandler) // RST_STREAM: what has gone out must not look like all of it
	}
}

// Shutdown tells every client that no further request is taken, waits for those under way until ctx ends, and then cuts them.
func (f *Front) Shutdown(ctx context.Context) {
	f.mu.Lock()
	f.closing = true
	doors := f.doors
	f.doors = map[*proxy.Front]*door{}
	f.mu.Unlock()
	for _, d := range doors {
		f.serving.Go(func() {
			if d.http.Shutdown(ctx) != nil {
				_ = d.http.Close()
			}
		})
	}
	f.serving.Wait()
}

// Accept gives net/http the next connection.
func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.conns:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (d *door) Close() error {
	d.shut.Do(func() { close(d.closed) })
	return nil
}

// Addr is the listener's address.
func (d *door) Addr() net.Addr { return d.listener.Addr() }
