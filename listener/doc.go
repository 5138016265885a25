// Package listener is what stands between a socket and the first byte of a request: certificates that follow their files, the choice of
// one by the name that a client asks for, and the PROXY protocol.
//
// It accepts nothing and knows no requests; proxy asks it for each connection. Start at TLS, then ReadProxyHeader.
package listener
