package proxy

import (
	"context"

	"sluice/backend"
	"sluice/metrics"
)

// dial opens a connection, within the request's time.
func (u *upstream) dial(e *backend.Endpoint, now metrics.Instant) (*backend.Conn, error) {
	ctx := context.Background()
	if u.deadline != 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, u.deadline.Sub(now))
		defer stop()
	}
	if u.upgrade {
		return e.DialUpgrade(ctx)
	}
	return e.Dial(ctx)
}
