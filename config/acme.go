package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// ACME gets certificates from an authority, and renews them. To use it is to accept the authority's terms.
type ACME struct {
	// Domains that get a certificate each. The authority looks for each of them at port 443. Required.
	Domains []string
	// Email is whom the authority writes to. Default: nobody.
	Email string
	// Directory is the authority's URL. Default: that of Let's Encrypt.
	Directory string
}

func defaultACME() ACME { return ACME{Directory: "https://acme-v02.api.letsencrypt.org/directory"} }

func (d *decoder) acme(v value, a *ACME) {
	d.object(v, keys{
		"domains":   some(d, &a.Domains, parseDomain),
		"email":     one(d, &a.Email, parseEmail),
		"directory": one(d, &a.Directory, parseDirectory),
	})
	d.required(v, "domains", "like domains: [shop.example.com]")
}

// parseDomain reads a name that an authority can look for.
func parseDomain(s string) (string, error) {
	s = strings.ToLower(s)
	if strings.HasPrefix(s, "*.") {
		return "", errors.New("is a wildcard, which this kind of proof is not for; name each host, or give a certificate of it in certificates")
	}
	if _, err := netip.ParseAddr(s); err == nil || !isHost(s) {
		return "", errors.New("is no name; write it like shop.example.com, other alphabets as xn--…, and no address")
	}
	return s, nil
}

func parseEmail(s string) (string, error) {
	user, host, ok := strings.Cut(s, "@")
	if !ok || user == "" || !isHost(host) || printable(s) != nil || strings.ContainsAny(s, " ,<>:") {
		return "", errors.New("is no address; write it like ops@example.com")
	}
	return s, nil
}

func parseDirectory(s string) (string, error) {
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.Hostname() == "" || printable(s) != nil {
		return "", errors.New("is none; write it like https://acme.example/dir")
	}
	return s, nil
}

// acmeRules checks that a name gets one certificate: two listeners would spoil each other's proofs.
func (d *decoder) acmeRules(c *Config) {
	first := map[string]string{}
	for i := range c.Listeners {
		t := c.Listeners[i].TLS
		if t == nil || t.ACME == nil {
			continue
		}
		for j, name := range t.ACME.Domains {
			path := fmt.Sprintf("listeners[%d].tls.acme.domains", i)
			at := fmt.Sprintf("%s[%d]", path, j)
			if d.broken(path) {
				break
			}
			if other, twice := first[name]; twice {
				d.errorf(at, "%s stands in %s too; a name gets its certificate in one place", quote(name), other)
				continue
			}
			first[name] = at
		}
	}
}
