package admin

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

// guard says whose requests are answered: a Host from the list (a rebound DNS name carries another one), no change on behalf of a foreign
// web page, and the token where there is one.
type guard struct {
	anyHost bool
	hosts   []string
	origin  http.CrossOriginProtection
	holders atomic.Pointer[[]holder]
}

func newGuard(c Config) *guard {
	hosts := c.AllowedHosts
	if hosts == nil {
		hosts = []string{"localhost", "127.0.0.1"}
	}
	g := &guard{anyHost: c.Listener.Addr().Network() == "unix"}
	g.setTokens(c.Tokens)
	for _, h := range hosts {
		g.hosts = append(g.hosts, hostname(h))
	}
	return g
}

// private says whether only this machine reaches the address.
func private(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return a.Network() == "unix" || ok && tcp.IP.IsLoopback()
}

// browser refuses what a foreign page in somebody's browser may have sent.
func (g *guard) browser(r *http.Request) *Problem {
	if !g.anyHost && !slices.Contains(g.hosts, hostname(r.Host)) {
		return problem(http.StatusForbidden, "host %q is not one of the admin API's: add it to admin.allowedHosts if it is", r.Host)
	}
	if err := g.origin.Check(r); err != nil {
		return problem(http.StatusForbidden, "this change comes from a web page of another origin (%s): %s", r.Header.Get("Origin"), err)
	}
	return nil
}

// hostname is a host without port and brackets, in small letters.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}
