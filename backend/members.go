package backend

import (
	"context"
	"sync"
	"time"

	"sluice/metrics"
)

// pruneEvery is how often connections that have been idle for too long are looked for.
const pruneEvery = time.Second

// crew is Run's own: the endpoints in force and what watches them.
type crew struct {
	b       *Backend
	ctx     context.Context
	watched map[*Endpoint]watcher
	waiting int           // endpoints that have not been asked yet
	asked   chan struct{} // one for each that has
}

// watcher is a health check that runs.
type watcher struct {
	stop context.CancelFunc
	done chan struct{}
}

// Run looks names up, checks the endpoints' health and prunes idle connections until ctx ends, then closes all that are idle.
func (b *Backend) Run(ctx context.Context) error {
	w := crew{b: b, ctx: ctx, watched: map[*Endpoint]watcher{}, asked: make(chan struct{})}
	w.watchAll(b.Endpoints())
	found := make(chan []place)
	var lookups sync.WaitGroup
	looked := !b.named()
	if !looked {
		lookups.Go(func() { b.lookUp(ctx, found) })
	}
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	known := false
	for ctx.Err() == nil {
		if !known && looked && w.waiting == 0 {
			known = true
			close(b.known)
		}
		select {
		case <-ctx.Done():
		case <-w.asked:
			w.waiting--
		case places := <-found:
			looked = true
			w.follow(places)
		case <-tick.C:
			w.tidy()
		}
	}
	lookups.Wait()
	if !known {
		close(b.known)
	}
	w.end()
	return nil
}

// follow makes the places the ones in force: endpoints that stay keep everything, those that are new are asked for their health first,
// and those that are gone finish what they have, on connections that are not used again.
func (w *crew) follow(places []place) {
	old := w.b.live.Load()
	next := &members{leaving: old.leaving}
	had := map[place]*Endpoint{}
	for _, e := range old.here {
		had[place{e.url, e.host, e.address, e.secure}] = e
	}
	var fresh []*Endpoint
	for _, p := range places {
		e := had[p]
		if e == nil {
			e = w.b.newEndpoint(p.url, p.host, p.address, p.secure)
			if w.b.health != nil {
				e.state.Store(sick) // until it is asked
			} else if len(old.here) > 0 {
				e.warmUp()
			}
			fresh = append(fresh, e)
		}
		delete(had, p)
		next.here = append(next.here, e)
	}
	if len(fresh) == 0 && len(had) == 0 {
		return
	}
	for _, e := range had {
		next.leaving = append(next.leaving, e)
	}
	w.b.live.Store(next)
	w.watchAll(fresh)
	for _, e := range had {
		w.unwatch(e)
		e.pool.close()
	}
}

func (w *crew) watchAll(list []*Endpoint) {
	if w.b.health == nil {
		return
	}
	for _, e := range list {
		ctx, stop := context.WithCancel(w.ctx)
		done := make(chan struct{})
		w.watched[e] = watcher{stop, done}
		w.waiting++
		go func() {
			defer close(done)
			w.b.health.watch(ctx, e, func() {
				select {
				case w.asked <- struct{}{}:
				case <-w.ctx.Done():
				}
			})
		}()
	}
}

// unwatch ends a health check. One that has not answered yet still does so, to end its waiting.
func (w *crew) unwatch(e *Endpoint) {
	if watcher, ok := w.watched[e]; ok {
		watcher.stop()
	}
}

// tidy is what a second brings.
func (w *crew) tidy() {
	b, now := w.b, metrics.Now()
	m := b.live.Load()
	for _, e := range m.here {
		e.pool.prune(now)
	}
	b.outlier.learn(m.here)
	for e, watcher := range w.watched {
		select {
		case <-watcher.done:
			delete(w.watched, e)
		default:
		}
	}
	if len(m.leaving) == 0 {
		return
	}
	next := &members{here: m.here}
	for _, e := range m.leaving {
		if e.inFlight.Load() > 0 || e.pool.open.Load() > 0 {
			next.leaving = append(next.leaving, e)
		}
	}
	b.live.Store(next)
}

func (w *crew) end() {
	for e, watcher := range w.watched {
		watcher.stop()
		<-watcher.done
		delete(w.watched, e)
	}
	for _, e := range w.b.all() {
		e.pool.close()
	}
}
