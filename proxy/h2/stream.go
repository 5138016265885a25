package h2

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// stream is one request of HTTP/2 as a connection that brings it as HTTP/1.1. One goroutine reads and another may write meanwhile.
type stream struct {
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	head    []byte // of the request, what is not read yet
	body    body
	answer  answer
	// readsCut and writesCut say that a deadline has passed; writing that a write is under way, which only a reset can end.
	readsCut, writesCut, writing atomic.Bool
}

func newStream(w http.ResponseWriter, r *http.Request) *stream {
	s := &stream{w: w, r: r, control: http.NewResponseController(w)}
	s.head = appendHead(nil, r)
	s.body = body{r: r}
	s.answer = answer{w: w, toHEAD: r.Method == http.MethodHead}
	return s
}

// Secure says that the client speaks TLS.
func (s *stream) Secure() bool { return s.r.TLS != nil }

// Context ends when the client resets the stream or its connection ends.
func (s *stream) Context() context.Context { return s.r.Context() }

// whole says that the answer has been written to its end.
func (s *stream) whole() bool { return s.answer.phase == over }

func (s *stream) Read(p []byte) (int, error) {
	if s.readsCut.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	if len(s.head) > 0 {
		n := copy(p, s.head)
		s.head = s.head[n:]
		return n, nil
	}
	n, err := s.body.read(p)
	if err != nil && err != io.EOF && s.readsCut.Load() {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

func (s *stream) Write(p []byte) (int, error) {
	s.writing.Store(true)
	defer s.writing.Store(false)
	if s.writesCut.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	if err := s.answer.take(p); err != nil {
		return 0, err
	}
	if s.answer.pending && !s.whole() { // of a whole answer the last frames go out together
		s.answer.pending = false
		if err := s.control.Flush(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Close does nothing: the stream ends when its handler returns.
func (s *stream) Close() error { return nil }

// past says that a deadline is over; those to come are the sweeper's business.
func past(t time.Time) bool { return !t.IsZero() && !t.After(time.Now()) }

// SetDeadline ends reads and writes at once when t has passed, and allows them again when it is zero.
func (s *stream) SetDeadline(t time.Time) error {
	_ = s.SetReadDeadline(t)
	return s.SetWriteDeadline(t)
}

// SetReadDeadline is SetDeadline for reads alone.
func (s *stream) SetReadDeadline(t time.Time) error {
	s.readsCut.Store(past(t))
	if past(t) {
		_ = s.control.SetReadDeadline(t) // wakes one that waits; the body can't be read on after that
	}
	return nil
}

// SetWriteDeadline is SetDeadline for writes alone.
func (s *stream) SetWriteDeadline(t time.Time) error {
	s.writesCut.Store(past(t))
	if past(t) && s.writing.Load() {
		_ = s.control.SetWriteDeadline(t) // resets the stream
	}
	return nil
}

// RemoteAddr is the client's address.
func (s *stream) RemoteAddr() net.Addr {
	a, err := netip.ParseAddrPort(s.r.RemoteAddr)
	if err != nil {
		return &net.UnixAddr{Name: s.r.RemoteAddr, Net: "unix"}
	}
	return net.TCPAddrFromAddrPort(a)
}

// LocalAddr is the listener's address, as net/http knows it.
func (s *stream) LocalAddr() net.Addr {
	a, _ := s.r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return a
}
