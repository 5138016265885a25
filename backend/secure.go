package backend

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// ErrTLS says that a connection was made, and no TLS connection over it.
var ErrTLS = errors.New("TLS handshake")

// speak settles how the endpoint is spoken to: with TLS, where its scheme is https, and then in the version of HTTP that it chooses; in
// HTTP/2 alone, where that is h2c.
func (e *Endpoint) speak(scheme, name string, config *tls.Config) {
	if scheme == "https" {
		if config == nil {
			config = new(tls.Config)
		}
		e.secure = config.Clone()
		if e.secure.ServerName == "" {
			e.secure.ServerName = name
		}
		e.secure.NextProtos = []string{"h2", "http/1.1"}
		e.secure.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	e.http2 = newHTTP2(e)
}

// Secure says that the endpoint is spoken to with TLS, in the version of HTTP that it chooses.
func (e *Endpoint) Secure() bool { return e.secure != nil }

// scheme is the endpoint's scheme on the wire.
func (e *Endpoint) scheme() string {
	if e.secure != nil {
		return "https"
	}
	return "http"
}

// dialSecure opens a connection to an endpoint that is not plain HTTP/1: one of TLS, or a stream of HTTP/2 that looks like one of HTTP/1.
func (e *Endpoint) dialSecure(ctx context.Context, http1 bool) (*Conn, error) {
	if !http1 {
		if m := e.http2.stream(); m != nil {
			return e.inMemory(m), nil
		}
	}
	if e.pool.dial.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.pool.dial.Timeout)
		defer cancel()
	}
	nc, err := e.pool.dial.DialContext(ctx, "tcp", e.address)
	if err != nil {
		return nil, err
	}
	bottom := nc
	if e.secure != nil {
		config := e.secure
		if http1 {
			config = config.Clone()
			config.NextProtos = []string{"http/1.1"}
		}
		secure := tls.Client(nc, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = nc.Close()
			e.Trouble(handshakeFault(err))
			return nil, fmt.Errorf("%w: %w", ErrTLS, err)
		}
		nc = secure
		if secure.ConnectionState().NegotiatedProtocol != "h2" {
			return &Conn{Sock: e.pool.sweeper.Add(nc), endpoint: e, below: rawOf(bottom)}, nil
		}
	}
	m, err := e.http2.begin(ctx, nc)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return e.inMemory(m), nil
}

func (e *Endpoint) inMemory(m *memory) *Conn {
	return &Conn{Sock: e.pool.sweeper.Add(m.near), endpoint: e, memory: m}
}

// asker is how the health check speaks to the endpoint: on a connection of its own each time, in the version that requests use.
func (e *Endpoint) asker() *http.Transport {
	t := &http.Transport{DisableKeepAlives: true, Proxy: nil, DialContext: e.dialHealth, Protocols: new(http.Protocols)}
	t.Protocols.SetHTTP1(e.http2 == nil || e.secure != nil)
	t.Protocols.SetHTTP2(e.secure != nil)
	t.Protocols.SetUnencryptedHTTP2(e.http2 != nil && e.secure == nil)
	if e.secure != nil {
		t.TLSClientConfig = e.secure.Clone()
		t.TLSClientConfig.NextProtos = nil // by Protocols
	}
	return t
}

// dialed is how http2 hands a connection that is open already to net/http.
type dialed struct{}

func handOver(ctx context.Context, _, _ string) (net.Conn, error) {
	return ctx.Value(dialed{}).(net.Conn), nil
}

// close ends every connection that is idle, and each other one when it is put back.
func (e *Endpoint) close() {
	e.pool.close()
	if e.http2 != nil {
		e.http2.close()
	}
}
