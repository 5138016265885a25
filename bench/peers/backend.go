package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"

	"sluice/sock"
)

// Paths of the backends, and the header in which they name themselves by number.
const (
	small         = "/s"
	large         = "/l"
	backendHeader = "X-Backend"
)

// ServeBackends answers GET requests on the addresses until ctx ends: 128 bytes for /s, 4 KiB for /l. It does as little as a server can,
// so that it costs little of what is measured; it understands no bodies.
func ServeBackends(ctx context.Context, addresses ...string) error {
	var open sync.WaitGroup
	defer open.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for i, address := range addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("serve a backend: %w", err)
		}
		b := backend{small: page(i+1, 128), large: page(i+1, 4096)}
		context.AfterFunc(ctx, func() { _ = l.Close() })
		open.Go(func() { b.accept(ctx, l) })
	}
	<-ctx.Done()
	return nil
}

type backend struct{ small, large []byte }

func page(number, size int) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nServer: backend\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\n%s: %d\r\nCache-Control: no-store\r\n\r\n%s", size, backendHeader, number, strings.Repeat("a", size))
}

func (b *backend) accept(ctx context.Context, l net.Listener) {
	var open sync.WaitGroup
	defer open.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		open.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = c.Close() })()
			defer func() { _ = c.Close() }()
			b.serve(c.(*net.TCPConn))
		})
	}
}

var endOfHead = []byte("\r\n\r\n")

// serve lives in one RawConn.Read: what arrives after a look is a new edge of the poller, so the callback need not look again in vain.
func (b *backend) serve(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	buf, have := make([]byte, 8<<10), 0
	_ = raw.Read(func(fd uintptr) (done bool) {
		n, err := sock.TryRead(fd, buf[have:])
		if errors.Is(err, syscall.EAGAIN) {
			return false
		}
		if err != nil {
			return true
		}
		for have += n; ; {
			end := bytes.Index(buf[:have], endOfHead)
			if end < 0 {
				return have == len(buf)
			}
			answer := b.small
			if bytes.HasPrefix(buf, []byte("GET "+large)) {
				answer = b.large
			}
			have = copy(buf, buf[end+len(endOfHead):have])
			if write(c, fd, answer) != nil {
				return true
			}
		}
	})
}

func write(c io.Writer, fd uintptr, p []byte) error {
	n, err := sock.TryWrite(fd, p)
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		return err
	}
	if n = max(n, 0); n < len(p) {
		_, err = c.Write(p[n:])
		return err
	}
	return nil
}
