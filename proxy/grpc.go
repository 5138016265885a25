package proxy

import "bytes"

// calls says whether the request is a gRPC call, which HTTP/2 alone can carry whole. How long one lasts is its caller's business: it says
// so (grpc-timeout, which goes on as it is) and gives it up when it does not want to wait any longer.
func (h *requestHead) calls() bool {
	for i := range h.fields {
		if f := &h.fields[i]; same(f.name, "content-type") {
			return isGRPC(f.value)
		}
	}
	return false
}

func isGRPC(contentType []byte) bool {
	const base = "application/grpc"
	if len(contentType) < len(base) || !same(contentType[:len(base)], base) {
		return false
	}
	return len(contentType) == len(base) || contentType[len(base)] == '+' || contentType[len(base)] == ';'
}

// failed says whether an answer that came whole is a failure of the backend: by its status, and for a call by the grpc-status in its
// trailers, or in its head where there is nothing else.
func (x *exchange) failed(status int) bool {
	if status >= 500 || !x.call {
		return status >= 500
	}
	return status == 200 && x.callFailed
}

// noteCall looks for the grpc-status in the answer's head, before the buffer is used anew.
func (x *exchange) noteCall() {
	x.callFailed = true // a call that does not say how it ended ended badly (UNKNOWN)
	for i := range x.answer.fields {
		if f := &x.answer.fields[i]; same(f.name, "grpc-status") {
			x.callFailed = backendsFault(f.value)
		}
	}
}

// endCall looks for it in the trailers.
func (x *exchange) endCall() {
	for rest := x.reply.trailers; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && same(name, "grpc-status") {
			x.callFailed = backendsFault(trim(value))
		}
	}
}

// backendsFault says whether a status code speaks against the backend: those whose like in HTTP is 500 and above, UNKNOWN,
// DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS, and what is no code at all. The others tell of the caller or of
// what it asked for.
func backendsFault(code []byte) bool {
	switch string(code) {
	case "0", "1", "3", "5", "6", "7", "8", "9", "10", "11", "16":
		return false
	}
	return true
}
