package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"sluice/listener"
	"sluice/metrics"
)

// receive finds out what will be spoken on a connection that is not plain HTTP/1 for certain: who the client is, by the PROXY protocol,
// the handshake, and which version of HTTP. All of it has the time that a request's head has.
func (s *Server) receive(l *Listener, nc net.Conn) {
	defer s.caught(func() { _ = nc.Close() })
	if !s.arrives(nc) {
		_ = nc.Close()
		return
	}
	f := l.front.Load()
	if d := f.Limits.HeaderTimeout; d > 0 {
		_ = nc.SetDeadline(time.Now().Add(d))
	}
	c, kind, err := f.prove(nc)
	if err == nil && !l.admit(peerOf(c)) {
		kind, err = metrics.ClientTooManyConnections, errAdmission
	}
	if err != nil {
		s.turnDown(f, nc, kind, err)
		return
	}
	c, http2, err := f.negotiate(c)
	if err != nil {
		l.leave(peerOf(c))
		s.turnDown(f, nc, metrics.ClientTLS, err)
		return
	}
	if f.OnlyHTTP2 && !http2 {
		l.leave(peerOf(c))
		s.turnDown(f, nc, metrics.ClientUnsupported, errOnlyHTTP2)
		return
	}
	_ = nc.SetDeadline(time.Time{})
	s.mu.Lock()
	_, awaited := s.arriving[nc]
	delete(s.arriving, nc)
	s.mu.Unlock()
	switch {
	case !awaited: // turned away meanwhile
		l.leave(peerOf(c))
		_ = nc.Close()
	case http2:
		s.http2.Serve(l, c)
	default:
		s.start(l, c)
	}
}

var (
	errAdmission = errors.New("more connections than the listener may have")
	errOnlyHTTP2 = errors.New("the client speaks HTTP/1, the listener's protocols have HTTP/2 alone")
)

// arrives notes a connection; false when none is taken any more.
func (s *Server) arrives(nc net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		return false
	}
	s.arriving[nc] = struct{}{}
	return true
}

// turnAway ends connections on which nothing has been asked yet.
func (s *Server) turnAway() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for nc := range s.arriving {
		_ = nc.SetDeadline(time.Unix(1, 0))
	}
	clear(s.arriving)
}

// turnDown closes a connection that came to nothing.
func (s *Server) turnDown(f *Front, nc net.Conn, kind metrics.ClientError, err error) {
	s.mu.Lock()
	delete(s.arriving, nc)
	s.mu.Unlock()
	_ = nc.Close()
	if err == io.EOF || s.draining.Load() { // looked whether somebody listens, as balancers do
		return
	}
	s.Process.ClientError(kind)
	if s.Refused != nil && err != errAdmission {
		s.Refused(f.Name, err)
	}
}

// prove reads the PROXY header of a peer that has to send one. Of others none is read: what looks like one is a malformed request.
func (f *Front) prove(nc net.Conn) (net.Conn, metrics.ClientError, error) {
	if !contains(f.ProxyFrom, peerOf(nc)) {
		return nc, 0, nil
	}
	c, err := listener.ReadProxyHeader(nc)
	return c, metrics.ClientProxyProtocol, err
}

// negotiate makes the handshake, and says whether HTTP/2 is spoken from here on. The connection is never nil.
func (f *Front) negotiate(c net.Conn) (net.Conn, bool, error) {
	if f.TLS == nil {
		return f.sniff(c)
	}
	secure := tls.Server(c, f.TLS.Config())
	if err := secure.HandshakeContext(context.Background()); err != nil {
		var record tls.RecordHeaderError
		if errors.As(err, &record) && record.Conn != nil && looksLikeHTTP(record.RecordHeader[:]) {
			_, _ = io.WriteString(record.Conn, plainOnTLS)
			err = errors.New("the client speaks plain HTTP")
		}
		if err != io.EOF {
			err = fmt.Errorf("TLS handshake with %s: %w", c.RemoteAddr(), err)
		}
		return c, false, err
	}
	spoken := secure.ConnectionState().NegotiatedProtocol
	if spoken == listener.ProofProtocol {
		return c, false, io.EOF // an authority that has seen what it looked for
	}
	return secure, spoken == "h2", nil
}

// plainOnTLS is for a client that has mistaken the port; nothing of its request was read.
const plainOnTLS = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
	"400 Bad Request: this port speaks TLS; write https://\n"

func looksLikeHTTP(record []byte) bool {
	for _, method := range [...]string{"GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "PATCH", "DELET"} {
		if bytes.HasPrefix(record, []byte(method)) {
			return true
		}
	}
	return false
}

// preface is what HTTP/2 begins with; no request of HTTP/1 begins with its first line.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// sniff says whether a plain connection begins like one of HTTP/2. What it looks at stays unread.
func (f *Front) sniff(c net.Conn) (net.Conn, bool, error) {
	if !f.HTTP2 {
		return c, false, nil
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		begins, err := peek(tcp)
		return c, begins, err
	}
	p := &peeked{Conn: c, r: bufio.NewReader(c)}
	for n := 1; ; n++ {
		b, err := p.r.Peek(n)
		if err != nil {
			return p, false, err
		}
		if decided, begins := begun(b); decided {
			return p, begins, nil
		}
	}
}

// begun says whether b is enough to tell, and what it tells.
func begun(b []byte) (decided, http2 bool) {
	n := min(len(b), len(preface))
	if string(b[:n]) != preface[:n] {
		return true, false
	}
	return n == len(preface), true
}

// peek looks at what arrives without taking it away, so that a connection of HTTP/1 is then waited for in the poller like any other.
func peek(tcp *net.TCPConn) (http2 bool, err error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false, err
	}
	var b [len(preface)]byte
	var fault error
	err = raw.Read(func(fd uintptr) bool {
		n, _, e := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case e == syscall.EAGAIN || e == syscall.EINTR:
			return false
		case e != nil:
			fault = e
			return true
		case n == 0:
			fault = io.EOF
			return true
		}
		var decided bool
		decided, http2 = begun(b[:n])
		return decided
	})
	if fault != nil {
		err = fault
	}
	return http2, err
}

// peeked is a connection of which something was looked at.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

// NetConn is the connection underneath.
func (p *peeked) NetConn() net.Conn { return p.Conn }

// CloseWrite says that nothing more is coming.
func (p *peeked) CloseWrite() error {
	if half, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return p.Close()
}

// wrapped finds what is at the bottom of a connection that is not TCP itself.
func (c *client) wrapped(nc net.Conn) {
	if s, ok := nc.(Stream); ok {
		c.stream = s
		if s.Secure() {
			c.proto = "https"
		}
		return
	}
	for {
		if _, ok := nc.(*tls.Conn); ok {
			c.tls, c.proto = true, "https"
		}
		under, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		nc = under.NetConn()
	}
	c.tcp, _ = nc.(*net.TCPConn)
	c.tls = c.tls && c.tcp != nil
}

// closeWrite says that nothing more is coming, on every layer.
func (c *client) closeWrite() error {
	if half, ok := c.sock.Conn.(interface{ CloseWrite() error }); ok && c.tls {
		_ = half.CloseWrite()
	}
	return c.tcp.CloseWrite()
}

// Leave counts a connection out that HTTP2 has taken.
func (l *Listener) Leave(c net.Conn) { l.leave(peerOf(c)) }
