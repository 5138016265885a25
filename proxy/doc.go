// Package proxy is the HTTP/1 front: accept, scan, route, select, forward, measure.
//
// Our own strict scan decides where a message begins and ends; nothing is guessed and nothing that two readers could read differently
// goes on. What stands: the scan of a request head (head.go) and of an answer (answer.go), the framing of bodies
// (body.go) and the byte classes of RFC 9110 (token.go), all pure. The connection loops that
// use them are still to come.
package proxy
