package proxy

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"sluice/listener"
	"sluice/router"
)

// Front is what the configuration says of a listener.
type Front struct {
	// Name is what conditions call it.
	Name string
	// TrustedProxies are the peers whose X-Forwarded-* is kept.
	TrustedProxies []netip.Prefix
	Limits         Limits
	// TLS is nil on a plain listener.
	TLS *listener.TLS
	// HTTP2 is spoken beside HTTP/1, by ALPN with TLS, and by prior knowledge without; OnlyHTTP2 is spoken instead of it.
	HTTP2, OnlyHTTP2 bool
	// ProxyFrom are the peers that have to begin a connection with a PROXY header.
	ProxyFrom []netip.Prefix
	// ToTLS sends clients to https; nil carries their requests.
	ToTLS *Redirect
	// First is a route that is tried before the table's; nil is none.
	First *router.Route
}

// plain says that a connection is one of HTTP/1 from its first byte on.
func (f *Front) plain() bool { return f.TLS == nil && !f.HTTP2 && len(f.ProxyFrom) == 0 }

// Limits bound what one client, and all of them, can take. Zero is no limit.
type Limits struct {
	HeaderBytes, HeaderCount      int
	HeaderTimeout                 time.Duration // from a head's first byte to its last
	IdleTimeout                   time.Duration // between requests, and without a byte of progress while an answer is written
	BodyRate                      int64         // bytes a second that a request's body has to bring
	BodyBytes                     int64         // length of a request's body
	Connections, ConnectionsPerIP int
}

// Listener is a socket that takes connections, with what is in force for them.
type Listener struct {
	net.Listener
	front atomic.Pointer[Front]

	mu    sync.Mutex
	open  int
	perIP map[netip.Addr]int // an entry for each address that has a connection
}

// Front is what is in force.
func (l *Listener) Front() *Front { return l.front.Load() }

// NewListener gives the socket its settings.
func NewListener(l net.Listener, f Front) *Listener {
	out := &Listener{Listener: l, perIP: map[netip.Addr]int{}}
	out.Configure(f)
	return out
}

// Configure changes the settings. Connections that are open read them anew with each request.
func (l *Listener) Configure(f Front) { l.front.Store(&f) }

// admit counts a connection in; false when there are too many.
func (l *Listener) admit(peer netip.Addr) bool {
	limits := &l.front.Load().Limits
	l.mu.Lock()
	defer l.mu.Unlock()
	if limits.Connections > 0 && l.open >= limits.Connections || limits.ConnectionsPerIP > 0 && l.perIP[peer] >= limits.ConnectionsPerIP {
		return false
	}
	l.open++
	l.perIP[peer]++
	return true
}

func (l *Listener) leave(peer netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.perIP[peer]--; l.perIP[peer] == 0 {
		delete(l.perIP, peer)
	}
}
