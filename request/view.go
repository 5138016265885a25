// Package request is what routing may know of a request: a small read-only view and the conditions of the
// configuration that are asked of it.
//
// It neither parses nor holds requests; a front (HTTP/1, later HTTP/2) implements View over its own, so that one
// router, one identity reader and one selector serve all of them. Start at View, then Condition.
package request

import "net/netip"

// View is what the router, the identity reader and the selector see of one request. It is implemented by pointers and
// copies and allocates nothing: every slice belongs to the request, must not be written to, and ends with it.
type View interface {
	// Method is the request method as it was sent ("GET"); methods are case-sensitive (RFC 9110, section 9.1).
	Method() []byte
	// Host is the authority in lower case and without its port.
	Host() []byte
	// Path is the normalised copy that conditions are matched against ("/a/b"; "*" for OPTIONS *). The raw bytes are
	// forwarded, this copy never is.
	Path() []byte
	// Header is the value of the first field of that name, the name given in lower case. nil is an absent field, an
	// empty non-nil slice one that is present and empty. Identity headers of peers that are not trusted are absent.
	Header(name string) []byte
	// Cookie is the value of the first cookie of that name, nil when there is none. Names are case-sensitive.
	Cookie(name string) []byte
	// Query is the first value of that parameter, percent-decoded, nil when there is none.
	Query(name string) []byte
	// Client is the user's address: the peer, or what a trusted proxy says of it.
	Client() netip.Addr
	// Listener is the name of the listener that took the request.
	Listener() string
}
