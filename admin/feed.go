package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"time"

	"sluice/rollout"
)

const (
	// feedKeep decisions of all routes are at hand for clients that come back.
	feedKeep = 2000
	// feedEvery bounds how late a change is seen that no controller told of, such as a route that a reload brought.
	feedEvery = time.Second
	// watcherBuffer events wait for one client; watchersMost clients are served at the same time.
	watcherBuffer = 256
	watchersMost  = 128
)

// feed follows all routes, numbers their decisions, and hands both to its watchers. It never waits for one of them.
type feed struct {
	proxy Proxy
	wake  chan struct{} // a controller has something new

	mu       sync.Mutex // guards what follows; look alone writes routes and order
	routes   map[string]*followed
	order    []string   // of the routes, the file's
	kept     []numbered // decisions, oldest first
	last     uint64     // the newest number
	lost     uint64     // decisions up to this number are no longer kept
	watchers map[*watcher]struct{}
	ended    bool
}

// numbered is an encoded decision.
type numbered struct {
	id   uint64
	text []byte
}

// watcher is one client. Its channel is closed when it is dropped or the feed ends; goodbye says why.
type watcher struct {
	events  chan []byte
	goodbye []byte
}

func newFeed(p Proxy) *feed {
	return &feed{proxy: p, wake: make(chan struct{}, 1), routes: map[string]*followed{}, watchers: map[*watcher]struct{}{}}
}

// run follows until ctx ends, and says goodbye to the watchers.
func (f *feed) run(ctx context.Context) {
	tick := time.NewTicker(feedEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			f.end()
			return
		case <-tick.C:
		case <-f.wake:
		}
		f.look(ctx)
	}
}

// look reads every route and tells what is new.
func (f *feed) look(ctx context.Context) {
	routes := f.proxy.Routes()
	f.mu.Lock()
	defer f.mu.Unlock()
	var fresh []rollout.Decision
	var changes []RouteChange
	f.order = f.order[:0]
	for _, r := range routes {
		f.order = append(f.order, r.Name)
		old := f.routes[r.Name]
		if old == nil || old.control != r.Control {
			old = f.follow(ctx, r, old)
		}
		if r.Control != nil {
			fresh = append(fresh, f.fresh(old)...)
		}
		if now := changeOf(r); !reflect.DeepEqual(now, old.change) {
			old.change = now
			changes = append(changes, now)
		}
	}
	maps.DeleteFunc(f.routes, func(name string, r *followed) bool {
		gone := !slices.Contains(f.order, name)
		if gone {
			r.stop()
		}
		return gone
	})
	f.tell(fresh, changes)
}

// tell numbers the decisions in the order of their time and sends everything. Numbers are microseconds since 1970, so that a client of
// the process before this one can go on from what it has; two in the same microsecond, or a clock that was set back, count on.
func (f *feed) tell(fresh []rollout.Decision, changes []RouteChange) {
	slices.SortStableFunc(fresh, func(a, b rollout.Decision) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Seq, b.Seq))
	})
	for _, d := range fresh {
		f.last = max(f.last+1, micros(d))
		event := numbered{f.last, encodeEvent("decision", f.last, decisionObject(d))}
		f.kept = append(f.kept, event)
		f.send(event.text)
	}
	if extra := len(f.kept) - feedKeep; extra > 0 {
		f.lost = f.kept[extra-1].id
		f.kept = slices.Delete(f.kept, 0, extra)
	}
	for _, c := range changes {
		f.send(encodeEvent("change", 0, c))
	}
}

func micros(d rollout.Decision) uint64 { return uint64(max(d.At.UnixMicro(), 1)) }

// send gives an event to every watcher; one whose buffer is full is dropped.
func (f *feed) send(event []byte) {
	for w := range f.watchers {
		select {
		case w.events <- event:
		default:
			f.part(w, "dropped", fmt.Sprintf("%d events waited for this client: it reads too slowly; come back with Last-Event-ID", watcherBuffer))
		}
	}
}

func (f *feed) part(w *watcher, event, why string) {
	delete(f.watchers, w)
	w.goodbye = encodeEvent(event, 0, map[string]string{"detail": why})
	close(w.events)
}

// join adds a watcher. What it has to know first is in its buffer's place: the decisions after the given number, if it gives one, and what
// every route follows now.
func (f *feed) join(after uint64, resumes bool) (*watcher, [][]byte, *Problem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.ended:
		return nil, nil, problem(http.StatusServiceUnavailable, "the process ends")
	case len(f.watchers) >= watchersMost:
		return nil, nil, problem(http.StatusServiceUnavailable, "%d clients follow the events already, more are not served", watchersMost)
	}
	var first [][]byte
	if resumes {
		if after < f.lost {
			const detail = "older decisions are not kept here: read /api/v1/routes/{route}/decisions for what is missing"
			first = append(first, encodeEvent("lost", 0, map[string]string{"detail": detail}))
		}
		for _, k := range f.kept {
			if k.id > after {
				first = append(first, k.text)
			}
		}
	}
	for _, name := range f.order {
		first = append(first, encodeEvent("change", 0, f.routes[name].change))
	}
	w := &watcher{events: make(chan []byte, watcherBuffer)}
	f.watchers[w] = struct{}{}
	return w, first, nil
}

func (f *feed) leave(w *watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watchers, w)
}

func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for w := range f.watchers {
		f.part(w, "end", "the process ends")
	}
}

// encodeEvent writes an event as the HTML standard has it (section 9.2); without a number a client keeps the one it has.
func encodeEvent(name string, id uint64, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("bug: an event that is no JSON: " + err.Error())
	}
	if id == 0 {
		return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data)
	}
	return fmt.Appendf(nil, "id: %d\nevent: %s\ndata: %s\n\n", id, name, data)
}
