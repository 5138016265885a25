package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// parseAddress reads host:port, an empty host being every address; port 0 is a free one.
func parseAddress(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil && isDigits(s) {
		return "", fmt.Errorf("is only a port; did you mean %q?", ":"+s)
	}
	if err != nil {
		return "", errors.New("is no address; write host:port, like 127.0.0.1:8080 or :8080")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || !isDigits(port) || n > 65535 {
		return "", fmt.Errorf("has the port %q; write a number between 0 and 65535", port)
	}
	if host != "" && !isHost(host) {
		return "", fmt.Errorf("has the host %q; write an IP address, a name, or nothing for every address", host)
	}
	return s, nil
}

// parseAdminAddress reads host:port or unix:PATH.
func parseAdminAddress(s string) (string, error) {
	path, isUnix := strings.CutPrefix(s, "unix:")
	if !isUnix {
		return parseAddress(s)
	}
	if path == "" || strings.HasPrefix(path, "//") {
		return "", errors.New("has no path; write it like unix:/run/sluice/admin.sock")
	}
	return s, printable(path)
}

// parseEndpoint reads http://host or https://host, http://host:port or dns+srv://name.
func parseEndpoint(s string) (string, error) {
	scheme, _, found := strings.Cut(s, "://")
	if !found {
		if _, err := parseAddress(s); err == nil {
			return "", fmt.Errorf("has no scheme; did you mean %q?", "http://"+strings.TrimPrefix(s, "http:"))
		}
		return "", errors.New("is no endpoint; write it like http://10.0.0.11:8080")
	}
	switch scheme {
	case "http", "https":
	case "dns+srv":
		return s, serviceName(strings.TrimPrefix(s, "dns+srv://"))
	case "h2c":
		return "", fmt.Errorf("has the scheme %s, which is not built yet; so far: http, https, dns+srv", scheme)
	default:
		return "", fmt.Errorf("has the scheme %q; write it like http://10.0.0.11:8080", scheme)
	}
	u, err := url.Parse(s)
	if err != nil || u.User != nil || !isHost(u.Hostname()) || strings.HasSuffix(u.Host, ":") {
		return "", errors.New("is no endpoint; write it like http://10.0.0.11:8080")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", fmt.Errorf("has the port %q; write a number between 1 and 65535", port)
		}
	}
	if plain := scheme + "://" + u.Host; s != plain {
		return "", fmt.Errorf("has more than a host and a port; did you mean %q?", plain)
	}
	return s, nil
}

// serviceName checks the name of SRV records (RFC 2782), in which labels may begin with an underscore.
func serviceName(name string) error {
	if len(name) > 253 || !domain.MatchString(strings.ToLower(strings.ReplaceAll(name, "_", "x"))) {
		return errors.New("is no name of SRV records; write it like dns+srv://_http._tcp.shop.internal, without a port")
	}
	return nil
}

// isHost says whether a text is an IP address or a DNS name.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return len(s) <= 253 && domain.MatchString(strings.ToLower(s))
}

// isLoopback says whether an admin address can be reached from this machine alone.
func isLoopback(address string) bool {
	if strings.HasPrefix(address, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// parseHostPattern reads "shop.example.com" or "*.example.com"; case and a port are left out.
func parseHostPattern(s string) (string, error) {
	host := strings.ToLower(s)
	if h, port, err := net.SplitHostPort(host); err == nil && isDigits(port) {
		host = h
		if strings.Contains(h, ":") {
			host = "[" + h + "]"
		}
	}
	if host == "*" {
		return "", errors.New("is every host; leave the key out")
	}
	if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") {
		if a, err := netip.ParseAddr(inner[:len(inner)-1]); err == nil && a.Is6() && a.Zone() == "" {
			return host, nil
		}
	}
	name := strings.TrimPrefix(host, "*.")
	if len(name) > 253 || !domain.MatchString(name) {
		return "", errors.New("is no host; write it like shop.example.com or *.example.com")
	}
	return host, nil
}

// parseEmailDomain reads the part of an e-mail address after the @.
func parseEmailDomain(s string) (string, error) {
	low := strings.ToLower(s)
	if domain.MatchString(low) {
		return low, nil
	}
	if _, after, found := strings.Cut(low, "@"); found && domain.MatchString(after) {
		return "", fmt.Errorf("is more than a domain; did you mean %q?", after)
	}
	return "", errors.New("is no domain; write it like company.com")
}
