package proxy

import (
	"net"
	"testing"
	"time"

	"sluice/metrics"
)

// eventually waits for a condition, so that no test sleeps longer than it has to.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 5s still not: %s", what)
		}
	}
}

func (b *bench) connections() int {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	return len(b.server.clients)
}

// settled waits until nothing is under way and every attempt that began has ended.
func (b *bench) settled() metrics.Totals {
	b.t.Helper()
	var m metrics.Totals
	eventually(b.t, "every attempt has ended, none is in flight", func() bool {
		m = b.route.Meters[0].Totals()
		n := uint64(0)
		for _, c := range m.Counts {
			n += c.Unfinished
		}
		return n == 0 && b.route.Backends[0].InFlight() == 0
	})
	return m
}

func limitsWith(change func(*Limits)) benchOptions {
	l := defaultLimits()
	change(&l)
	return benchOptions{front: Front{Limits: l}}
}

// hooked is a client's connection with a hand on its calls.
type hooked struct {
	net.Conn
	afterRead, beforeWrite func()
	readDeadline           func(time.Time)
}

func (h *hooked) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	if h.afterRead != nil {
		h.afterRead()
	}
	return n, err
}

func (h *hooked) Write(p []byte) (int, error) {
	if h.beforeWrite != nil {
		h.beforeWrite()
	}
	return h.Conn.Write(p)
}

func (h *hooked) SetReadDeadline(at time.Time) error {
	if h.readDeadline != nil {
		h.readDeadline(at)
	}
	return h.Conn.SetReadDeadline(at)
}

type hookedListener struct {
	net.Listener
	hook hooked
}

func (l *hookedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	h := l.hook
	h.Conn = c
	return &h, nil
}

// hook opens another listener on the bench's server, whose connections go through h.
func (b *bench) hook(h hooked) {
	b.t.Helper()
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.address = nl.Addr().String()
	l := NewListener(&hookedListener{nl, h}, Front{Limits: defaultLimits()})
	served := make(chan error, 1)
	go func() { served <- b.server.Serve(l) }()
	b.t.Cleanup(func() { _ = nl.Close(); <-served })
}

// The race detector is the judge here: a pump and the answer's goroutine work on one exchange.
// An upload beside the answer changes nothing: who does not read is cut, though the backend, held back, reads no more either.
// RFC 9110, section 8.6: reject, or replace the copies by one.
