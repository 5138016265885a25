package testkit

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ServedBy is the header in which origins name themselves.
const ServedBy = "Served-By"

// Origin is an HTTP server that a test scripts. It names itself in ServedBy, and by default answers 200 with its name as the body.
type Origin struct {
	Name, URL, Address string

	server *http.Server
	done   chan struct{}
	script atomic.Pointer[http.HandlerFunc]
	count  atomic.Int64
}

// NewOrigin starts an origin on a free port until the test ends. script may be nil.
func NewOrigin(t testing.TB, name string, script http.HandlerFunc) *Origin {
	t.Helper()
	return NewOriginAt(t, name, FreeAddress(t), script)
}

// NewOriginAt starts an origin at an address, so that one can come back.
func NewOriginAt(t testing.TB, name, address string, script http.HandlerFunc) *Origin {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	o := &Origin{Name: name, Address: address, URL: "http://" + address, done: make(chan struct{})}
	o.Script(script)
	o.server = &http.Server{Handler: o, ReadHeaderTimeout: Patience}
	go func() {
		defer close(o.done)
		_ = o.server.Serve(l)
	}()
	t.Cleanup(o.Stop)
	return o
}

// Script changes what the origin does from the next request on; nil is the default.
func (o *Origin) Script(script http.HandlerFunc) {
	if script == nil {
		script = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, o.Name) }
	}
	o.script.Store(&script)
}

// ServeHTTP answers as the script says. A request for /healthz is always well and never counted.
func (o *Origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(ServedBy, o.Name)
	if r.URL.Path == "/healthz" {
		return
	}
	o.count.Add(1)
	(*o.script.Load())(w, r)
}

// Count is how many requests came, health checks aside.
func (o *Origin) Count() int64 { return o.count.Load() }

// Stop kills the origin: its port refuses, its connections are cut.
func (o *Origin) Stop() {
	_ = o.server.Close()
	<-o.done
}

// Failing answers 500.
func Failing(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "failed on purpose", http.StatusInternalServerError)
}

// Late answers well, but only after d, or when the client has gone.
func Late(d time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			_, _ = io.WriteString(w, "late")
		case <-r.Context().Done():
		}
	}
}

// RawConn is a connection at a raw origin, with a reader for what the proxy sends.
type RawConn struct {
	net.Conn
	In *bufio.Reader
}

// Request reads the head of the next request; the body can be read from it.
func (c *RawConn) Request() (*http.Request, error) { return http.ReadRequest(c.In) }

// Say writes text as it is.
func (c *RawConn) Say(text string) { _, _ = io.WriteString(c, text) }

// NewRawOrigin listens on a free port and runs the script on each connection, which is closed when the script returns. It returns the
// origin's URL.
func NewRawOrigin(t testing.TB, script func(c *RawConn)) string {
	t.Helper()
	address := FreeAddress(t)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[c] = true
			mu.Unlock()
			open.Go(func() {
				script(&RawConn{Conn: c, In: bufio.NewReader(c)})
				mu.Lock()
				delete(conns, c)
				mu.Unlock()
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		open.Wait()
	})
	return "http://" + address
}
