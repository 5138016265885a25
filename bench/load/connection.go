package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"os"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/sock"
)

// errConnect is of requests for which no connection could be opened.
var errConnect = errors.New("connect")

// connection is one client's, opened when it is needed. One goroutine owns it.
type connection struct {
	address string
	timeout time.Duration
	by      string
	head    bool // answers have no body

	conn     net.Conn // nil when there is none
	wire     wire
	in       *bufio.Reader
	release  func() bool // ends the watch for ctx
	deadline time.Time
	used     time.Time
	header   fasthttp.ResponseHeader
}

// answer is what is kept of one.
type answer struct {
	status int
	by     string
}

// idleTooLong is after how long a connection is not trusted any more: servers close idle ones, and that is no error of theirs.
const idleTooLong = 4 * time.Second

func (c *connection) close() {
	if c.conn != nil {
		c.release()
		_ = c.conn.Close()
		c.conn = nil
	}
}

// dial opens a connection; an error is an errConnect.
func dial(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConnect, err)
	}
	return conn, nil
}

func (c *connection) open(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn, err := dial(bounded, c.address)
	if err != nil {
		return err
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		_ = conn.Close()
		return fmt.Errorf("%w: %w", errConnect, err)
	}
	c.conn, c.wire, c.deadline = conn, wire{conn: conn, raw: raw}, time.Time{}
	c.wire.look = c.wire.step
	if c.in == nil {
		c.in = bufio.NewReaderSize(&c.wire, 8<<10)
	}
	c.in.Reset(&c.wire)
	c.release = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return nil
}

// exchange sends the request and reads the whole answer. Whatever is not as it should be ends the connection.
func (c *connection) exchange(ctx context.Context, now time.Time, request []byte) (answer, error) {
	if c.conn != nil && now.Sub(c.used) > idleTooLong {
		c.close()
	}
	if c.conn == nil {
		if err := c.open(ctx); err != nil {
			return answer{}, err
		}
	}
	if c.deadline.Sub(now) < c.timeout { // setting it is a microsecond, so not for each request
		c.deadline = now.Add(c.timeout + c.timeout/8)
		if err := c.conn.SetDeadline(c.deadline); err != nil || ctx.Err() != nil {
			c.close()
			return answer{}, err
		}
	}
	c.wire.out = request
	a, keep, err := c.read()
	if c.used = now; !keep || err != nil {
		c.close()
	}
	return a, err
}

// read reads an answer; keep says that the connection can carry another.
func (c *connection) read() (a answer, keep bool, err error) {
	for { // interim answers
		if err := c.header.Read(c.in); err != nil {
			return a, false, err
		}
		if a.status = c.header.StatusCode(); a.status >= 200 {
			break
		}
	}
	if c.by != "" {
		a.by = string(c.header.Peek(c.by))
	}
	if err := c.body(a.status); err != nil {
		return answer{}, false, err
	}
	return a, !c.header.ConnectionClose() && c.in.Buffered() == 0, nil
}

func (c *connection) body(status int) error {
	n := int64(c.header.ContentLength())
	switch {
	case c.head || status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified:
		return nil
	case n >= 0:
		_, err := io.CopyN(io.Discard, c.in, n)
		return err
	case n == -1: // chunked
		if _, err := io.Copy(io.Discard, httputil.NewChunkedReader(c.in)); err != nil {
			return err
		}
		return c.header.ReadTrailer(c.in)
	default: // until the end of the connection, which ConnectionClose says too
		_, err := io.Copy(io.Discard, c.in)
		return err
	}
}

// wire writes what is to go out inside the first read after it: the goroutine then waits for the answer without having looked in vain,
// which saves a system call of three. What was to be read before is forgotten by entering RawConn.Read, and nothing was: an answer comes
// after its request.
type wire struct {
	conn net.Conn
	raw  syscall.RawConn
	out  []byte // to be written yet

	look func(fd uintptr) bool // step, bound once
	into []byte
	n    int
	err  error
	wait bool
}

func (w *wire) Read(p []byte) (int, error) {
	for {
		w.into, w.n, w.err, w.wait = p, 0, nil, false
		if err := w.raw.Read(w.look); err != nil {
			return 0, err
		}
		if len(w.out) == 0 || w.err != nil {
			return w.n, w.err
		}
		more := w.out // more than the socket takes at once
		w.out = nil
		if _, err := w.conn.Write(more); err != nil {
			return 0, err
		}
	}
}

// step is called with the descriptor, when it is ready and once before; false waits.
func (w *wire) step(fd uintptr) bool {
	if len(w.out) > 0 {
		n, err := sock.TryWrite(fd, w.out)
		if err != nil && !errors.Is(err, syscall.EAGAIN) {
			w.err = os.NewSyscallError("write", err)
			w.out = nil
			return true
		}
		w.out = w.out[max(n, 0):]
		return len(w.out) > 0
	}
	w.n, w.err = sock.TryRead(fd, w.into)
	return !errors.Is(w.err, syscall.EAGAIN)
}
