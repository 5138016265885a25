package proxy

import (
	"sync"

	"sluice/backend"
)

// copyGroup is the copies that are under way, so that the end of the server is theirs too.
type copyGroup struct {
	mu    sync.Mutex
	live  map[*mirrorCopy]*backend.Conn // with the connection that each has, if any
	over  bool
	empty chan struct{} // closed when none is left, once over
}

// add takes a copy in; false when the server ends.
func (g *copyGroup) add(c *mirrorCopy) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return false
	}
	if g.live == nil {
		g.live = map[*mirrorCopy]*backend.Conn{}
	}
	g.live[c] = nil
	return true
}

// hold notes the copy's connection; false when the server ends. nil is none: then it is no longer the copy's.
func (g *copyGroup) hold(c *mirrorCopy, conn *backend.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, in := g.live[c]; in {
		g.live[c] = conn
	}
	return !g.over
}

func (g *copyGroup) remove(c *mirrorCopy) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.live, c)
	if g.over && len(g.live) == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

func (g *copyGroup) ending() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.over
}

// end cuts what is under way and waits for it: nobody waits for the answer to a copy. A dial is waited for as long as one takes.
func (g *copyGroup) end() {
	g.mu.Lock()
	g.over = true
	for _, conn := range g.live {
		if conn != nil {
			conn.Cut()
		}
	}
	var empty chan struct{}
	if len(g.live) > 0 {
		empty = make(chan struct{})
		g.empty = empty
	}
	g.mu.Unlock()
	if empty != nil {
		<-empty
	}
}
