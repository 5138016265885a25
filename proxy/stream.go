package proxy

import (
	"context"
	"net"
	"sync"

	"sluice/sock"
)

// Stream is one request of another front, HTTP/2's, as a connection that brings it as HTTP/1.1 and takes its answer so. Whatever a
// request meets is then written once: routes, limits, retries, header rules and counts are those of the exchange.
//
// It reads as a request's head, "GET /a HTTP/1.1" and so on, and its body, framed by Content-Length or as chunks. The answer that is
// written to it is framed likewise; if Exchange returns before that is whole, it was broken off.
type Stream interface {
	net.Conn
	// Secure says that the client speaks TLS.
	Secure() bool
	// Context ends when the client gives the request up.
	Context() context.Context
}

// Exchange carries the request that a stream brings to a backend, and the answer back.
func (s *Server) Exchange(l *Listener, stream Stream) {
	c := newClient(s, l, stream)
	defer func() {
		c.in.release()
		_ = c.sock.Close()
		s.gone(c)
	}()
	s.mu.Lock()
	s.clients[c] = struct{}{}
	s.mu.Unlock()
	x := newExchange(c)
	x.up.watch = new(watch)
	stop := context.AfterFunc(stream.Context(), x.up.watch.hangUp)
	defer stop()
	c.carry(x)
}

// Retiring says that answers should be the last of their connections.
func (s *Server) Retiring() bool { return s.retiring.Load() }

// watch ends a request at the backend when its client has given it up: a call that nobody waits for is work for nothing, and one without
// an end would never be noticed. A nil watch watches nothing: a connection of HTTP/1 tells of its end only to who reads.
type watch struct {
	mu   sync.Mutex
	gone bool
	conn *sock.Sock // to the backend, while it is the request's
}

// hangUp is called when the client is gone, by whoever notices.
func (w *watch) hangUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = true
	if w.conn != nil {
		w.conn.Cut()
	}
}

// over watches over a connection, until it is nil; false when the client is gone already.
func (w *watch) over(conn *sock.Sock) bool {
	return w == nil || w.set(conn) // a call of its own: what is asked of a nil watch is inlined
}

func (w *watch) set(conn *sock.Sock) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = conn
	return !w.gone
}

// ended says that the client is gone.
func (w *watch) ended() bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gone
}
