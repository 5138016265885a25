package backend

import (
	"errors"
	"strings"
)

// Refused says that the endpoint refused the stream before it did anything of the request (REFUSED_STREAM; RFC 9113, section 8.7).
func (c *Conn) Refused() bool { return c.memory != nil && c.memory.refused.Load() }

// Retired says that the endpoint ends the connection, and has done nothing of the request, which came too late (GOAWAY, with a lower last
// stream; RFC 9113, section 6.8).
func (c *Conn) Retired() bool { return c.memory != nil && c.memory.retired.Load() }

// Garbled says that what the endpoint answers in is not the HTTP/2 that it was asked in.
func (c *Conn) Garbled() bool { return c.memory != nil && c.memory.garbled.Load() }

// Denied says that the endpoint refuses TLS with us, as err, of reading its answer, may say.
func (c *Conn) Denied(err error) bool {
	if c.memory != nil {
		return c.memory.denied.Load()
	}
	return c.endpoint.Refusal(err)
}

// streamError is how net/http tells of a stream that the endpoint reset: its own type gives itself away to one with the same fields.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (streamError) Error() string { return "" }

func isRefused(err error) bool {
	const refusedStream = 7
	var reset streamError
	return errors.As(err, &reset) && reset.Code == refusedStream
}

// isRetired knows the errors by what they say: net/http exports none of them, and decides by the same three what it may send again.
func isRetired(err error) bool {
	switch text := err.Error(); text {
	case "http2: client conn not usable", "http2: Transport received Server's graceful shutdown GOAWAY":
		return true
	default:
		return strings.HasPrefix(text, "http2: Transport received GOAWAY from server ErrCode:")
	}
}
