package backend

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// ErrTLS says that a connection was made, and no TLS connection over it.
var ErrTLS = errors.New("TLS handshake")

// tls is how the origin's connections are secured; nil when they are not. Requests go out as HTTP/1.1.
func (o *origin) tls(c *tls.Config) *tls.Config {
	if o.scheme != "https" {
		return nil
	}
	if c == nil {
		c = &tls.Config{}
	}
	c = c.Clone()
	if c.ServerName == "" {
		c.ServerName = o.name
	}
	c.NextProtos = []string{"http/1.1"}
	return c
}

// web is the scheme of a URL at the origin.
func (o *origin) web() string {
	if o.secure != nil {
		return "https"
	}
	return "http"
}

func (e *Endpoint) scheme() string {
	if e.secure != nil {
		return "https://"
	}
	return "http://"
}

// shakeHands makes a TLS connection, within the time for connecting. On an error the connection is closed.
func (e *Endpoint) shakeHands(ctx context.Context, tcp net.Conn) (net.Conn, error) {
	ctx, stop := context.WithTimeout(ctx, e.pool.dial.Timeout)
	defer stop()
	c := tls.Client(tcp, e.secure)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = tcp.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w: %w", ErrTLS, context.DeadlineExceeded)
		}
		return nil, fmt.Errorf("%w: %w", ErrTLS, err)
	}
	return c, nil
}
