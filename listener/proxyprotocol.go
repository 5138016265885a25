package listener

import (
	"bufio"
	"fmt"
	"net"

	"github.com/pires/go-proxyproto"
)

// ReadProxyHeader reads the PROXY header, version 1 or 2, that a connection has to begin with, and returns the connection behind it: its
// remote address is the client's. A header that names none (LOCAL, UNKNOWN: the balancer's own look at us) leaves the peer's.
func ReadProxyHeader(c net.Conn) (net.Conn, error) {
	r := bufio.NewReader(c)
	h, err := proxyproto.Read(r)
	if err != nil {
		return nil, fmt.Errorf("a connection from %s does not begin with a PROXY header: %w", c.RemoteAddr(), err)
	}
	p := &proxied{Conn: c, r: r, remote: c.RemoteAddr()}
	if source, _, ok := h.TCPAddrs(); ok && h.Command.IsProxy() {
		p.remote = source
	}
	return p, nil
}

// proxied is a connection that a balancer has passed on.
type proxied struct {
	net.Conn
	r      *bufio.Reader // nil when what it read ahead is used up
	remote net.Addr
}

func (p *proxied) RemoteAddr() net.Addr { return p.remote }

// NetConn is the connection underneath.
func (p *proxied) NetConn() net.Conn { return p.Conn }

func (p *proxied) Read(b []byte) (int, error) {
	if p.r == nil {
		return p.Conn.Read(b)
	}
	if p.r.Buffered() == 0 {
		p.r = nil
		return p.Conn.Read(b)
	}
	return p.r.Read(b[:min(len(b), p.r.Buffered())])
}

// CloseWrite says that nothing more is coming.
func (p *proxied) CloseWrite() error {
	if half, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return p.Close()
}
