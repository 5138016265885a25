package proxy

import (
	"bytes"
	"net/netip"
)

// validHost says whether an authority is a name or an address, and perhaps a port, and no more: no user, no path, no list (RFC 9110,
// section 7.2). An empty one is none: no http URI has it (section 4.2.1).
func validHost(host []byte) bool {
	if len(host) > 0 && host[0] == '[' {
		end := bytes.IndexByte(host, ']')
		if end < 0 || !validPort(host[end+1:]) {
			return false
		}
		a, err := netip.ParseAddr(string(host[1:end]))
		return err == nil && a.Is6() && a.Zone() == ""
	}
	name := host
	if colon := bytes.IndexByte(host, ':'); colon >= 0 {
		if name = host[:colon]; !validPort(host[colon:]) {
			return false
		}
	}
	for i, c := range name {
		if class[c]&isHost == 0 || c == '%' && (i+2 >= len(name) || hexDigit(name[i+1]) < 0 || hexDigit(name[i+2]) < 0) {
			return false
		}
	}
	return len(name) > 0
}

// validPort says whether p is nothing, or a colon and a port.
func validPort(p []byte) bool {
	if len(p) == 0 {
		return true
	}
	port := 0
	for _, c := range p[1:] {
		if c < '0' || c > '9' || port > 65535 {
			return false
		}
		port = port*10 + int(c-'0')
	}
	return p[0] == ':' && len(p) > 1 && port <= 65535
}
