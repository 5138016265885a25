package proxy

import (
	"context"

	"sluice/backend"
	"sluice/metrics"
)

// dial opens a connection, within the request's time.
func (u *upstream) dial(e *backend.Endpoint, now metrics.Instant) (*backend.Conn, error) {
	if u.deadline == 0 {
		return e.Dial(context.Background())
	}
	ctx, stop := context.WithTimeout(context.Background(), u.deadline.Sub(now))
	defer stop()
	return e.Dial(ctx)
}

// sendOver is send over TLS, where the socket's bytes say nothing but that there are some.
func (u *upstream) sendOver(p []byte, stay bool) (stale bool, err error) {
	if u.conn.Reused && !u.conn.Silent() {
		return true, nil
	}
	_, err = u.conn.Write(p)
	if !stay {
		return false, err
	}
	return false, u.in.await() // an answer is looked for also where writing fails
}
