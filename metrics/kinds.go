package metrics

import "strconv"

// Method is a request's method as a label: the known ones, and one value for all others, so that clients can't make new series.
type Method uint8

// The methods.
const (
	MethodOther Method = iota
	MethodGet
	MethodHead
	MethodPost
	MethodPut
	MethodPatch
	MethodDelete
	MethodOptions
	MethodConnect
	MethodTrace
	NumMethods
)

var methodNames = [NumMethods]string{"other", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"}

// MethodOf is the method with the given name; methods are case-sensitive (RFC 9110 section 9.1).
func MethodOf(name []byte) Method {
	if string(name) == "GET" {
		return MethodGet
	}
	for m := MethodHead; m < NumMethods; m++ {
		if string(name) == methodNames[m] {
			return m
		}
	}
	return MethodOther
}

// String is the method as a label.
func (m Method) String() string { return label(methodNames[:], uint8(m), "method") }

// UpstreamError is what went wrong between the proxy and a backend.
type UpstreamError uint8

// The kinds of upstream errors.
const (
	UpstreamConnect        UpstreamError = iota // no connection: refused, unreachable
	UpstreamConnectTimeout                      // no connection in time
	UpstreamTimeout                             // no answer in time, or none going on
	UpstreamReset                               // the connection broke before the answer began
	UpstreamMalformed                           // an answer that breaks the rules
	UpstreamTruncated                           // the answer ended early
	UpstreamUnavailable                         // no healthy endpoint
	UpstreamBusy                                // as many connections as there may be
	UpstreamTLS                                 // no TLS connection: an unknown certificate, say
	UpstreamRefused                             // a stream of HTTP/2 refused unprocessed
	NumUpstreamErrors
)

var upstreamNames = [NumUpstreamErrors]string{
	"connect", "connect-timeout", "timeout", "reset", "malformed", "truncated", "unavailable", "busy", "tls", "refused-stream",
}

// String is the kind as a label.
func (k UpstreamError) String() string { return label(upstreamNames[:], uint8(k), "upstream-error") }

// RetryReason is why a request was sent again.
type RetryReason uint8

// The reasons to send again.
const (
	RetryStale   RetryReason = iota // the backend had closed the reused connection
	RetryConnect                    // no connection
	Retry502                        // the answer, or ours in its place, has this status
	Retry503
	Retry504
	RetryRescue  // another backend answers in place of the canary
	RetryRefused // the backend refused the stream unprocessed
	NumRetryReasons
)

var retryNames = [NumRetryReasons]string{"stale", "connect-failure", "502", "503", "504", "rescue", "refused-stream"}

// String is the reason as a label.
func (r RetryReason) String() string { return label(retryNames[:], uint8(r), "retry-reason") }

// MirrorResult is what became of a request that was to be copied to a backend.
type MirrorResult uint8

// The results of copies.
const (
	MirrorAnswered MirrorResult = iota // whole, and not with a failure
	MirrorFailed                       // with a status of 5xx, broken off, or not at all
	MirrorSkipped                      // not copied: the body was too long or did not come whole, or the backend was unavailable
	MirrorDropped                      // not copied: too many copies were under way
	NumMirrorResults
)

var mirrorNames = [NumMirrorResults]string{"answered", "failed", "skipped", "dropped"}

// String is the result as a label.
func (r MirrorResult) String() string { return label(mirrorNames[:], uint8(r), "mirror-result") }

// ClientError is what a client did wrong; it never counts against a backend.
type ClientError uint8

// The kinds of client errors.
const (
	ClientBadRequest         ClientError = iota // a request that breaks the rules
	ClientHeaderTimeout                         // the head did not come in time
	ClientBodyTimeout                           // the body did not come in time, or the answer was not taken
	ClientAborted                               // gone before the answer was through
	ClientTooLarge                              // head or body over the limit
	ClientUnsupported                           // correct, but not offered here
	ClientTooManyConnections                    // a connection over the limit
	ClientProxyProtocol                         // no PROXY header, or a malformed one, where there has to be one
	ClientTLS                                   // a handshake that failed
	ClientToken                                 // a token that could not be verified; the request goes on without it
	ClientOverride                              // an override that was not signed for this, or is over; the request goes on without it
	NumClientErrors
)

var clientNames = [NumClientErrors]string{
	"bad-request", "header-timeout", "body-timeout", "aborted", "too-large", "unsupported", "too-many-connections", "proxy-protocol",
	"tls", "token", "override",
}

// String is the kind as a label.
func (k ClientError) String() string { return label(clientNames[:], uint8(k), "client-error") }

func label(names []string, i uint8, of string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return of + "(" + strconv.Itoa(int(i)) + ")"
}
