// Package proxy is the HTTP/1 front: accept, scan, route, select, forward, measure.
//
// Our own strict scan decides where a message begins and ends; nothing is guessed, and nothing that two readers could read
// differently goes on. It knows no configuration and moves no weight: it loads the live table once for each request.
//
// Start at exchange.run (exchange.go), a request's path from top to bottom: readHead (head.go) → Table.Match and Selector.Pick on the
// view (view.go) → carry (carry.go: connection, forwarded head of forward.go, body of request_body.go) → pass (pass.go: the answer's
// head of answer.go and respond.go, its body of body.go; or tunnel.go, after a 101) → meter. Around it: page.go is our own answers,
// server.go and listener.go take connections, client.go is one of them, inbound.go what has arrived on it, upstream.go the backend's
// side. A goroutine rests in one place only, inbound.await, and without a buffer: for a client's next request, for a backend's answer,
// and for either side of a tunnel.
package proxy
