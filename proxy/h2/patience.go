package h2

import (
	"net"
	"sync/atomic"
)

// patience is what a connection has left of it: one that gives most of its requests up makes work for the backends that nobody wants.
type patience struct {
	conn             net.Conn
	asked, abandoned atomic.Int64
}

// maxAbandoned is how many requests a connection may have given up, as long as those are no more than half of all.
const maxAbandoned = 200

// note counts a request that has ended, and ends the connection when too many were given up.
func (p *patience) note(abandoned bool) {
	asked := p.asked.Add(1)
	if abandoned && p.abandoned.Add(1) > max(maxAbandoned, asked/2) {
		_ = p.conn.Close()
	}
}
