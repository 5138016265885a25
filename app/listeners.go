package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"sluice/config"
	"sluice/proxy"
	"sluice/router"
)

// errTaken says that another process has an address.
var errTaken = errors.New("address already in use, another process has it")

// listen opens an address, host:port or unix:PATH, for this process alone. The error says what to do.
func listen(what, address string) (net.Listener, error) {
	path, unix := strings.CutPrefix(address, "unix:")
	if unix {
		return listenUnix(what, path)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, refused(what, address, err)
	}
	return l, nil
}

// refused is an address that can't be opened, and what to do.
func refused(what, address string, err error) error {
	hint := "give it another address"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: listen on %s: %w: stop that one, or give this one another address", what, address, errTaken)
	case errors.Is(err, os.ErrPermission):
		hint = "ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or take a higher port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "this machine does not have that address: give one that it has"
	}
	return fmt.Errorf("%s: listen on %s: %w; %s", what, address, cause(err), hint)
}

// listenUnix opens a unix socket. One that a process left behind when it was killed is replaced, one that answers is not.
func listenUnix(what, path string) (net.Listener, error) {
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("%s: listen on unix:%s: %w: stop that one, or give this one another path", what, path, errTaken)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		_ = os.Remove(path)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("%s: listen on unix:%s: %w; check that its folder exists and can be written to", what, path, cause(err))
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("%s: restrict unix:%s to its owner: %w", what, path, err)
	}
	return l, nil
}

// cause is the system's word, without what we say ourselves.
func cause(err error) error {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err
	}
	return err
}

// listeners are the sockets for clients, by address: a reload keeps those whose address stays.
type listeners map[string]*proxy.Listener

// opener opens a listener's socket.
type opener func(c *config.Listener) (net.Listener, error)

// open gives the sockets of a configuration: those that are open already, and new ones. On an error nothing has changed.
func (ls listeners) open(cfg *config.Config, fresh opener) (listeners, error) {
	next := listeners{}
	for i := range cfg.Listeners {
		c := &cfg.Listeners[i]
		if l := ls[c.Address]; l != nil {
			next[c.Address] = l
			continue
		}
		l, err := fresh(c)
		if err != nil {
			next.closeExcept(ls)
			return nil, err
		}
		next[c.Address] = proxy.NewListener(l, proxy.Front{Name: c.Name})
	}
	return next, nil
}

// closeExcept closes those that others does not have.
func (ls listeners) closeExcept(others listeners) {
	for address, l := range ls {
		if others[address] == nil {
			_ = l.Close()
		}
	}
}

// configure puts the settings in force; door is the route to the feature flags, for listeners that answer them.
func (ls listeners) configure(cfg *config.Config, secured secured, door *router.Route) {
	for i := range cfg.Listeners {
		c := &cfg.Listeners[i]
		f := front(c)
		if c.OFREP {
			f.First = door
		}
		if s := secured[c.Address]; s != nil {
			f.TLS = s.TLS
		}
		if c.RedirectToTLS {
			f.ToTLS = &proxy.Redirect{Port: portAt(ls[c.Address].Addr()), TLSPort: ls.tlsPort(cfg)}
		}
		ls[c.Address].Configure(f)
	}
}

// tlsPort is the port of the first listener with TLS; "" when there is none.
func (ls listeners) tlsPort(cfg *config.Config) string {
	for i := range cfg.Listeners {
		if c := &cfg.Listeners[i]; c.TLS != nil {
			return portAt(ls[c.Address].Addr())
		}
	}
	return ""
}

func portAt(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

func front(c *config.Listener) proxy.Front {
	l := &c.Limits
	speaks := func(p ...string) bool {
		return slices.ContainsFunc(p, func(p string) bool { return slices.Contains(c.Protocols, p) })
	}
	return proxy.Front{Name: c.Name, TrustedProxies: c.TrustedProxies, HTTP2: speaks("h2", "h2c"), OnlyHTTP2: !speaks("http1"), ProxyFrom: c.ProxyProtocol.From, Limits: proxy.Limits{
		HeaderBytes: int(l.HeaderBytes), HeaderCount: l.HeaderCount, HeaderTimeout: l.HeaderTimeout, IdleTimeout: l.IdleTimeout,
		BodyRate: l.BodyRate, BodyBytes: l.BodyBytes, Connections: l.Connections, ConnectionsPerIP: l.ConnectionsPerIP,
	}}
}
