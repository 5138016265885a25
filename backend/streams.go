package backend

import (
	"crypto/tls"
	"net"
	"sync"

	"sluice/sock"
)

// streams are the connections of an endpoint that are busy without an end in sight, tunnels and event streams, each with the client's
// socket at its other end.
type streams struct {
	mu   sync.Mutex
	open map[*Conn]*sock.Sock
}

// Stream counts a connection among the streams, until it is closed or put back. Its owner calls it. The client's socket is cut with it: a
// stream that waits for its client would not notice.
func (e *Endpoint) Stream(c *Conn, client *sock.Sock) {
	s := &e.streams
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[*Conn]*sock.Sock{}
	}
	s.open[c] = client
	c.streams = true
}

// leave takes a connection out, if it is one.
func (s *streams) leave(c *Conn) {
	if !c.streams {
		return
	}
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
	c.streams = false
}

// Streams is how many tunnels and event streams there are now.
func (b *Backend) Streams() (n int) {
	for _, e := range b.all() {
		e.streams.mu.Lock()
		n += len(e.streams.open)
		e.streams.mu.Unlock()
	}
	return n
}

// CutStreams ends the tunnels and event streams that there are now, and says how many. Their clients see a reset, and connect anew; the
// backend is not blamed. A request under way may still become one: who wants all of them gone calls again until none is in flight.
func (b *Backend) CutStreams() (n int) {
	for _, e := range b.all() {
		e.streams.mu.Lock()
		for c, client := range e.streams.open {
			c.dismissed.Store(true)
			c.Cut()
			client.Cut()
			n++
		}
		e.streams.mu.Unlock()
	}
	return n
}

// Dismissed says that CutStreams has ended the connection.
func (c *Conn) Dismissed() bool { return c.dismissed.Load() }

// Reset makes Close abort the connection, so that the endpoint does not take it for a proper end.
func (c *Conn) Reset() {
	nc := c.Conn
	if over, ok := nc.(*tls.Conn); ok {
		nc = over.NetConn()
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}
