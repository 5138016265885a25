package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"slices"
	"strings"
)

// guard says whose requests are answered: a Host from the list (a rebound DNS name carries another one), no change on behalf of a foreign
// web page, and the token where there is one.
type guard struct {
	anyHost bool
	hosts   []string
	origin  http.CrossOriginProtection
	asks    bool
	token   [sha256.Size]byte
}

func newGuard(c Config) *guard {
	hosts := c.AllowedHosts
	if hosts == nil {
		hosts = []string{"localhost", "127.0.0.1"}
	}
	g := &guard{anyHost: c.Listener.Addr().Network() == "unix", asks: c.Token != "", token: sha256.Sum256([]byte(c.Token))}
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

// caller refuses who does not show the token. Digests are compared, so that not even the token's length shows in the time taken.
func (g *guard) caller(r *http.Request) *Problem {
	if !g.asks {
		return nil
	}
	scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	digest := sha256.Sum256([]byte(strings.TrimSpace(shown)))
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(digest[:], g.token[:]) != 1 {
		return problem(http.StatusUnauthorized, "this admin API needs its token: Authorization: Bearer TOKEN (sluice: --token-file)")
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
